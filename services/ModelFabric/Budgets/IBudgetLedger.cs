namespace AgentPlatform.ModelFabric.Budgets;

/// <summary>What one call sets aside, all of it or nothing.</summary>
/// <param name="Attempt">The call's attempt at a provider; settled under the same id.</param>
/// <param name="Expires">When it is free again although nobody settled it.</param>
public sealed record Reservation(Guid Attempt, IReadOnlyList<Claim> Claims, long Tokens, decimal Money, DateTimeOffset At, DateTimeOffset Expires);

/// <summary>A budget that a call counts against.</summary>
public sealed record Claim(string Counter, Budget Budget);

/// <summary>The first budget that had no room, and what it had left: the rest after what is spent and what calls at work have set aside.</summary>
public sealed record BudgetRefusal(Budget Budget, string Counter, long? TokensLeft, decimal? MoneyLeft);

/// <summary>What an attempt took, whether its call ended well or not.</summary>
/// <param name="Counters">Those it was reserved from.</param>
public sealed record Settlement(
    Guid Attempt, Guid Call, IReadOnlyList<string> Counters, DateTimeOffset At, string Principal, string? Run, string Provider, string Model,
    long Input, long CacheRead, long Output, decimal? Money, bool Estimated, bool Failed)
{
    public long Tokens => Input + Output;
}

/// <summary>Which columns a sum of usage keeps apart.</summary>
public sealed record UsageQuery(IReadOnlyList<string> By, DateOnly From, DateOnly To, int RowsMax)
{
    public static IReadOnlyList<string> Columns { get; } = ["run", "principal", "provider", "model", "day"];
}

/// <param name="Of">The values of the columns asked for.</param>
/// <param name="Unpriced">Calls of models without a price: their money is not in the sum.</param>
public sealed record UsageSum(IReadOnlyDictionary<string, string?> Of, long Calls, long Failed, long InputTokens, long CachedTokens, long OutputTokens, decimal Money, long Unpriced, long Estimated);

/// <summary>What stands on a budget's counter.</summary>
public sealed record Spending(string Counter, long Tokens, decimal Money, long TokensReserved, decimal MoneyReserved);

/// <summary>
/// What is spent and set aside. Reserving is atomic over all budgets of a call and all processes: what was spent and what is
/// reserved never exceed a budget together. What was not settled in time, because its process died, is free again.
/// </summary>
public interface IBudgetLedger
{
    /// <summary>Null when everything was set aside; else nothing was.</summary>
    Task<BudgetRefusal?> Reserve(Reservation wanted, CancellationToken ct);

    /// <summary>Puts what was used in the place of what was set aside; counts even when that has expired meanwhile.</summary>
    Task Settle(Settlement used, CancellationToken ct);

    Task<IReadOnlyList<UsageSum>> Sum(UsageQuery query, CancellationToken ct);

    /// <summary>The counters of one budget, those with the latest window first.</summary>
    Task<IReadOnlyList<Spending>> Spent(string budget, int max, DateTimeOffset now, CancellationToken ct);
}
