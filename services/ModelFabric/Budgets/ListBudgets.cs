using AgentPlatform.ModelFabric.Calls;
using AgentPlatform.ModelFabric.Settings;
using AgentPlatform.ServiceDefaults;

namespace AgentPlatform.ModelFabric.Budgets;

/// <summary>A budget and what stands on its counters, the latest windows first.</summary>
public sealed record BudgetView(Budget Budget, IReadOnlyList<Spending> Spent);

/// <summary><c>GET /admin/budgets</c> and <c>GET /admin/budgets/{name}</c>.</summary>
public static class ListBudgets
{
    private const int CountersMax = 100;

    public static async Task<IResult> All(ISettingStore<Budget> budgets, CancellationToken ct) => Results.Ok(new { budgets = await budgets.All(ct) });

    public static async Task<IResult> One(string name, ISettingStore<Budget> budgets, IBudgetLedger ledger, RecordCalls records, TimeProvider time, CancellationToken ct)
    {
        var budget = (await budgets.All(ct)).FirstOrDefault(one => one.Name == name) ?? throw ProblemException.NotFound("budget", name.Length <= 100 ? name : name[..100]);
        await records.Flush(ct);
        return Results.Ok(new BudgetView(budget, await ledger.Spent(name, CountersMax, time.GetUtcNow(), ct)));
    }
}
