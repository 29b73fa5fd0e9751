using System.Globalization;

namespace AgentPlatform.ModelFabric.Budgets;

/// <summary>The twin of the durable ledger: the same promises for as long as the process lives.</summary>
public sealed class InMemoryBudgetLedger : IBudgetLedger
{
    private sealed record Entry(string Counter, Guid Attempt, long Tokens, decimal Money, DateTimeOffset? Expires);

    private readonly Lock _gate = new();
    private readonly Dictionary<(string Counter, Guid Attempt), Entry> _entries = [];
    private readonly List<Settlement> _settled = [];

    public Task<BudgetRefusal?> Reserve(Reservation wanted, CancellationToken ct)
    {
        lock (_gate)
        {
            foreach (var gone in _entries.Values.Where(entry => entry.Expires <= wanted.At).ToArray())
            {
                _entries.Remove((gone.Counter, gone.Attempt));
            }
            foreach (var (counter, budget) in wanted.Claims)
            {
                var standing = _entries.Values.Where(entry => entry.Counter == counter).ToArray();
                var (tokens, money) = (budget.TokensMax - standing.Sum(entry => entry.Tokens), budget.MoneyMax - standing.Sum(entry => entry.Money));
                if (tokens < wanted.Tokens || wanted.Money > 0 && money < wanted.Money)
                {
                    return Task.FromResult<BudgetRefusal?>(new BudgetRefusal(budget, counter, tokens, money));
                }
            }
            foreach (var (counter, _) in wanted.Claims)
            {
                _entries[(counter, wanted.Attempt)] = new Entry(counter, wanted.Attempt, wanted.Tokens, wanted.Money, wanted.Expires);
            }
            return Task.FromResult<BudgetRefusal?>(null);
        }
    }

    public Task Settle(Settlement used, CancellationToken ct)
    {
        lock (_gate)
        {
            foreach (var counter in used.Counters)
            {
                _entries[(counter, used.Attempt)] = new Entry(counter, used.Attempt, used.Tokens, used.Money ?? 0, Expires: null);
            }
            _settled.Add(used);
        }
        return Task.CompletedTask;
    }

    public Task<IReadOnlyList<UsageSum>> Sum(UsageQuery query, CancellationToken ct)
    {
        lock (_gate)
        {
            return Task.FromResult<IReadOnlyList<UsageSum>>([.. _settled
                .Where(used => Day(used) >= query.From && Day(used) <= query.To)
                .GroupBy(used => string.Join('\n', query.By.Select(column => Value(used, column))))
                .OrderBy(group => group.Key, StringComparer.Ordinal)
                .Take(query.RowsMax)
                .Select(group => new UsageSum(
                    query.By.ToDictionary(column => column, column => Value(group.First(), column)),
                    group.Count(), group.Count(used => used.Failed), group.Sum(used => used.Input), group.Sum(used => used.CacheRead), group.Sum(used => used.Output),
                    group.Sum(used => used.Money ?? 0), group.Count(used => used.Money is null), group.Count(used => used.Estimated)))]);
        }
    }

    public Task<IReadOnlyList<Spending>> Spent(string budget, int max, DateTimeOffset now, CancellationToken ct)
    {
        lock (_gate)
        {
            return Task.FromResult<IReadOnlyList<Spending>>([.. _entries.Values
                .Where(entry => entry.Counter.StartsWith(budget + "|", StringComparison.Ordinal) && !(entry.Expires <= now))
                .GroupBy(entry => entry.Counter)
                .OrderByDescending(group => group.Key, StringComparer.Ordinal)
                .Take(max)
                .Select(group => new Spending(group.Key,
                    group.Sum(entry => entry.Expires is null ? entry.Tokens : 0), group.Sum(entry => entry.Expires is null ? entry.Money : 0),
                    group.Sum(entry => entry.Expires is null ? 0 : entry.Tokens), group.Sum(entry => entry.Expires is null ? 0 : entry.Money)))]);
        }
    }

    private static DateOnly Day(Settlement used) => DateOnly.FromDateTime(used.At.UtcDateTime);

    private static string? Value(Settlement used, string column) => column switch
    {
        "run" => used.Run,
        "principal" => used.Principal,
        "provider" => used.Provider,
        "model" => used.Model,
        _ => Day(used).ToString("yyyy-MM-dd", CultureInfo.InvariantCulture),
    };
}
