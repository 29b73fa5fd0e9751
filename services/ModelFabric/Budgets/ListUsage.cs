using AgentPlatform.ModelFabric.Calls;
using Microsoft.Extensions.Options;

namespace AgentPlatform.ModelFabric.Budgets;

/// <summary><c>GET /admin/usage?by=run,principal,provider,model,day&amp;from=&amp;to=</c>: sums over whole days (UTC), both included; the last 30 days when none is said.</summary>
public static class ListUsage
{
    private const int DaysDefault = 30;

    public static async Task<IResult> Handle(
        IBudgetLedger ledger, RecordCalls records, IOptions<ModelFabricOptions> options, TimeProvider time, CancellationToken ct, string? by = null, DateOnly? from = null, DateOnly? to = null)
    {
        string[] columns = [.. (by ?? "").Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).Distinct()];
        if (columns.Except(UsageQuery.Columns).FirstOrDefault() is { } unknown)
        {
            throw PutBudget.Refuse($"by is a list of {string.Join(", ", UsageQuery.Columns)}; there is no '{(unknown.Length <= 40 ? unknown : unknown[..40])}'.");
        }
        var last = to ?? DateOnly.FromDateTime(time.GetUtcNow().UtcDateTime);
        var first = from ?? last.AddDays(-DaysDefault);
        if (last < first || last.DayNumber - first.DayNumber > options.Value.Budgets.UsageDaysMax)
        {
            throw PutBudget.Refuse($"from must not be after to, nor more than {options.Value.Budgets.UsageDaysMax} days before it (ModelFabric:Budgets:UsageDaysMax).");
        }
        var max = options.Value.Budgets.UsageRowsMax;
        await records.Flush(ct);
        var sums = await ledger.Sum(new UsageQuery(columns, first, last, max), ct);
        return Results.Ok(new { from = first, to = last, usage = sums, more = sums.Count == max });
    }
}
