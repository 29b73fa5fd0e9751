using System.Globalization;
using AgentPlatform.Messaging;
using AgentPlatform.ModelFabric.Calls;
using AgentPlatform.ModelFabric.Models;
using AgentPlatform.ModelFabric.Providers;
using AgentPlatform.ModelFabric.Settings;
using AgentPlatform.ModelFabric.Wire;
using Microsoft.Extensions.Options;

namespace AgentPlatform.ModelFabric.Budgets;

/// <summary>What an attempt has set aside, and how it is reckoned.</summary>
/// <param name="Reserved">Null where no budget asked for it.</param>
public sealed record BudgetHold(Guid Attempt, ModelCall Call, ModelRoute Route, CallOrigin Origin, IReadOnlyList<string> Counters, ModelPrice? Price, TokenUsage? Reserved = null)
{
    /// <summary>The day of a call is the day it was asked for, also when its answer ends after midnight.</summary>
    public Settlement Settle(TokenUsage? usage, bool failed) => new(
        Attempt, Call.Id, Counters, Call.At, Origin.Principal, Origin.Run, Route.Provider, Route.Model,
        usage?.Input ?? 0, usage?.CacheRead ?? 0, usage?.Output ?? 0,
        usage is null || Route.IsLocal && Price is null ? 0 : Price?.Cost(usage.Input, usage.Output, usage.CacheRead, usage.CacheWrite),
        usage?.Estimated ?? false, failed);
}

/// <summary>Sets aside, before a provider is asked, what its answer may cost at most; refuses when a budget has no room for it.</summary>
public sealed class HoldBudgets(ISettingStore<Budget> budgets, IBudgetLedger ledger, RecordCalls records, IOptions<ModelFabricOptions> options, TimeProvider time)
{
    public async Task<BudgetHold> Reserve(ModelCall call, ModelRoute route, CallOrigin origin, CancellationToken ct)
    {
        var price = route.Card?.PriceOn(DateOnly.FromDateTime(call.At.UtcDateTime));
        var attempt = Guid.CreateVersion7(call.At);
        try
        {
            var claims = (await budgets.All(ct))
                .Select(budget => (Counter: budget.Counter(origin.Principal, origin.Run, route.Provider, call.At), Budget: budget))
                .Where(claim => claim.Counter is not null)
                .Select(claim => new Claim(claim.Counter!, claim.Budget))
                .ToArray();
            var hold = new BudgetHold(attempt, call, route, origin, [.. claims.Select(claim => claim.Counter)], price);
            if (claims.Length == 0)
            {
                return hold;
            }
            if (price is null && !route.IsLocal && claims.FirstOrDefault(claim => claim.Budget.MoneyMax is not null) is { } inMoney)
            {
                throw Refused("price_unknown", $"Budget '{inMoney.Budget.Name}' is in money and nobody has said what {route.Provider}/{route.Model} costs. "
                    + $"Give it a price: PUT /admin/providers/{route.Provider} with cards.");
            }
            var (input, output) = (call.Estimate.Value.Input, OutputMax(call));
            var money = price is null ? 0 : Math.Max(price.Cost(input, output), price.Cost(input, output, cacheWrite: input));
            var now = time.GetUtcNow();
            var wanted = new Reservation(attempt, claims, input + output, money, now, now + options.Value.Budgets.ReservationsKept);
            var refusal = await ledger.Reserve(wanted, ct);
            if (refusal is not null && records.Count > 0)
            {
                // What this process has yet to settle may be less than it had set aside.
                await records.Flush(ct);
                refusal = await ledger.Reserve(wanted, ct);
            }
            return refusal is null ? hold with { Reserved = new TokenUsage(input, output, Estimated: true) } : throw Refused("budget_exhausted", Explain(refusal, input, output, money));
        }
        catch (Exception away) when (Transient.Is(away))
        {
            throw ModelCallException.Upstream("store_unavailable", "The budgets cannot be read at the moment, so nothing can be spent. Ask again.", StatusCodes.Status503ServiceUnavailable, away);
        }
    }

    private long OutputMax(ModelCall call) => call.Request.Format.Operation != "chat" ? 0 : call.Estimate.Value.Output ?? options.Value.Budgets.AnswerTokensReserved;

    private static string Explain(BudgetRefusal refusal, long input, long output, decimal money)
    {
        var budget = refusal.Budget;
        var left = string.Join(" and ", ((string?[])
        [
            refusal.TokensLeft is { } tokens ? $"{Math.Max(0, tokens)} of {budget.TokensMax} tokens" : null,
            refusal.MoneyLeft is { } rest ? $"{Text(Math.Max(0, rest))} of {Text(budget.MoneyMax!.Value)} in money" : null,
        ]).Where(part => part is not null));
        var whose = refusal.Counter[(refusal.Counter.LastIndexOf('|') + 1)..];
        return $"Budget '{budget.Name}' has {left} left for {budget.Scope.ToString().ToLowerInvariant()} '{whose}', calls at work included; this call may take {input} tokens of question and {output} of answer"
            + (budget.MoneyMax is null ? "" : $", {Text(money)} in money") + $". Bound the answer (max_tokens), {(budget.Window == BudgetWindow.Day ? "wait for the next day (UTC)" : "ask for less")}, or raise it: PUT /admin/budgets/{budget.Name}.";
    }

    private static string Text(decimal money) => money.ToString("0.######", CultureInfo.InvariantCulture);

    private static ModelCallException Refused(string code, string message) => new(StatusCodes.Status402PaymentRequired, new CallError(message, "insufficient_quota", null, code));
}
