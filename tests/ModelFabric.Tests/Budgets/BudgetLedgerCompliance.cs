using AgentPlatform.Contracts;
using AgentPlatform.EventStore;
using AgentPlatform.ModelFabric.Budgets;
using AgentPlatform.ModelFabric.Calls;
using AgentPlatform.Testing;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;

namespace AgentPlatform.ModelFabric.Tests.Budgets;

/// <summary>What every ledger of budgets promises.</summary>
public abstract class BudgetLedgerCompliance
{
    protected static readonly DateTimeOffset Noon = new(2026, 11, 21, 12, 0, 0, TimeSpan.Zero);
    protected static readonly Budget Hundred = new("hundred", BudgetScope.Principal, BudgetWindow.Total, TokensMax: 100);
    private static readonly Budget Coins = new("coins", BudgetScope.All, BudgetWindow.Total, MoneyMax: 1m);

    protected static CancellationToken Ct => TestContext.Current.CancellationToken;

    protected abstract Task<IBudgetLedger> Empty();

    [Fact]
    public async Task What_is_reserved_and_spent_never_exceeds_the_budget_together()
    {
        var ledger = await Empty();
        var first = Take(60);
        Assert.Null(await ledger.Reserve(first, Ct));
        var refused = await ledger.Reserve(Take(41), Ct);
        await ledger.Settle(Used(first, 50), Ct);
        var afterwards = await ledger.Reserve(Take(51), Ct);
        var fits = await ledger.Reserve(Take(50), Ct);

        Assert.Equal((Hundred, 40L, 50L), (refused!.Budget, refused.TokensLeft, afterwards!.TokensLeft));
        Assert.Null(fits);
        Assert.Equal([new Spending("hundred|total|ann", 50, 0, 50, 0)], await ledger.Spent("hundred", 10, Noon, Ct));
    }

    [Fact]
    public async Task A_call_that_one_of_its_budgets_refuses_takes_nothing_from_the_others()
    {
        var ledger = await Empty();
        var both = Take(60, 0.6m, Hundred, Coins);
        Assert.Null(await ledger.Reserve(both, Ct));
        var refused = await ledger.Reserve(Take(30, 0.5m, Hundred, Coins), Ct);

        Assert.Equal((Coins, 0.4m), (refused!.Budget, refused.MoneyLeft));
        Assert.Null(await ledger.Reserve(Take(40), Ct));
    }

    [Fact]
    public async Task What_costs_nothing_goes_on_when_the_money_is_spent()
    {
        var ledger = await Empty();
        var all = Take(1, 1m, Coins);
        Assert.Null(await ledger.Reserve(all, Ct));
        await ledger.Settle(Used(all, 1, 1.2m), Ct);

        Assert.Equal(-0.2m, (await ledger.Reserve(Take(1, 0.001m, Coins), Ct))!.MoneyLeft);
        Assert.Null(await ledger.Reserve(Take(1, 0, Coins), Ct));
    }

    [Fact]
    public async Task A_reservation_that_nobody_settled_is_free_after_its_time_and_a_late_settlement_counts_all_the_same()
    {
        var ledger = await Empty();
        var lost = Take(100);
        Assert.Null(await ledger.Reserve(lost, Ct));
        Assert.NotNull(await ledger.Reserve(Take(1) with { At = lost.Expires.AddSeconds(-1) }, Ct));
        var next = Take(100) with { At = lost.Expires, Expires = lost.Expires.AddMinutes(1) };
        Assert.Null(await ledger.Reserve(next, Ct));
        await ledger.Settle(Used(next, 10), Ct);
        await ledger.Settle(Used(lost, 70), Ct);

        Assert.Equal(20, (await ledger.Reserve(Take(21) with { At = lost.Expires }, Ct))!.TokensLeft);
    }

    [Fact]
    public async Task Two_hundred_that_reserve_at_once_get_no_more_than_there_is()
    {
        var ledger = await Empty();
        var all = Enumerable.Range(0, 200).Select(n => n % 2 == 0 ? Take(2, 0.01m, Hundred, Coins) : Take(2, 0.01m, Coins, Hundred)).ToArray();
        var refusals = await Task.WhenAll(all.Select(one => Task.Run(() => ledger.Reserve(one, Ct))));
        await Task.WhenAll(all.Where((_, n) => refusals[n] is null).Select(one => ledger.Settle(Used(one, 2, 0.01m), Ct)));

        Assert.Equal(50, refusals.Count(refusal => refusal is null));
        Assert.Equal([new Spending("hundred|total|ann", 100, 0.50m, 0, 0)], await ledger.Spent("hundred", 10, Noon, Ct));
    }

    [Fact]
    public async Task Usage_is_summed_by_what_is_asked_for()
    {
        var ledger = await Empty();
        await ledger.Settle(Used(Take(10), 10, 0.1m), Ct);
        await ledger.Settle(Used(Take(10), 20, 0.2m) with { Provider = "far", Money = null, Failed = true }, Ct);
        await ledger.Settle(Used(Take(10), 30, 0.3m) with { At = Noon.AddDays(1), Run = null }, Ct);
        var (first, last) = (DateOnly.FromDateTime(Noon.Date), DateOnly.FromDateTime(Noon.Date).AddDays(1));

        var byProvider = await ledger.Sum(new UsageQuery(["provider"], first, last, 10), Ct);
        Assert.Equal(["far: 1/1 20 0 1", "up: 2/0 40 0.4 0"], byProvider.Select(Told));
        var byDay = await ledger.Sum(new UsageQuery(["day", "run"], first, last, 10), Ct);
        Assert.Equal(["2026-11-21,run-1: 2/1 30 0.1 1", "2026-11-22,: 1/0 30 0.3 0"], byDay.Select(Told));
        Assert.Equal([": 2/1 30 0.1 1"], (await ledger.Sum(new UsageQuery([], first, first, 10), Ct)).Select(Told));
    }

    private static string Told(UsageSum sum) => $"{string.Join(',', sum.Of.Values)}: {sum.Calls}/{sum.Failed} {sum.InputTokens + sum.OutputTokens} {sum.Money:0.##} {sum.Unpriced}";

    protected static Reservation Take(long tokens, decimal money = 0, params Budget[] budgets) => new(
        Guid.CreateVersion7(), [.. (budgets.Length == 0 ? [Hundred] : budgets).Select(budget => new Claim(budget.Counter("ann", "run-1", "up", Noon)!, budget))], tokens, money, Noon, Noon.AddMinutes(35));

    protected static Settlement Used(Reservation reserved, long tokens, decimal money = 0) => new(
        reserved.Attempt, Guid.CreateVersion7(), [.. reserved.Claims.Select(claim => claim.Counter)], Noon, "ann", "run-1", "up", "real", tokens - 1, 0, 1, money, Estimated: false, Failed: false);
}

public sealed class InMemoryBudgetLedgerTests : BudgetLedgerCompliance
{
    protected override Task<IBudgetLedger> Empty() => Task.FromResult<IBudgetLedger>(new InMemoryBudgetLedger());
}

public sealed class PostgresBudgetLedgerTests(Servers servers) : BudgetLedgerCompliance, IAsyncDisposable
{
    private NpgsqlDataSource? _database;

    protected override async Task<IBudgetLedger> Empty()
    {
        var options = new EventStoreOptions();
        _database = EventStoreSetup.DataSource(await servers.NewDatabase(), options);
        await Schema.Apply(_database, Schema.Events, Ct);
        await Schema.Apply(_database, PostgresBudgetLedger.Schema, Ct);
        return new PostgresBudgetLedger(new PostgresEventStore(_database, EventTypes.Of(typeof(ModelCallEvent)), options, ContractJson.Options,
            new StoreSignal(_database, options, NullLogger<StoreSignal>.Instance), TimeProvider.System));
    }

    [Fact]
    public async Task Counters_of_days_long_over_are_forgotten_those_without_a_day_and_the_sums_stay()
    {
        var ledger = (PostgresBudgetLedger)await Empty();
        var (day, ever) = (new Budget("daily", BudgetScope.All, BudgetWindow.Day, 100), new Budget("ever", BudgetScope.All, BudgetWindow.Total, 100));
        var settled = Take(10, 0, day, ever);
        Assert.Null(await ledger.Reserve(settled, Ct));
        await ledger.Settle(Used(settled, 7), Ct);

        Assert.Equal(0, await ledger.Forget(Noon, Ct));
        Assert.Equal(1, await ledger.Forget(Noon.AddDays(1), Ct));
        Assert.Empty(await ledger.Spent("daily", 10, Noon, Ct));
        Assert.Equal(7, Assert.Single(await ledger.Spent("ever", 10, Noon, Ct)).Tokens);
        Assert.Equal(7, Assert.Single(await ledger.Sum(new UsageQuery([], DateOnly.FromDateTime(Noon.Date), DateOnly.FromDateTime(Noon.Date), 10), Ct)).InputTokens + 1);
    }

    [Fact]
    public async Task What_is_settled_twice_counts_once_even_when_its_counter_has_taken_it_up_meanwhile()
    {
        var ledger = (PostgresBudgetLedger)await Empty();
        var (first, second) = (Take(10), Take(10));
        Assert.Null(await ledger.Reserve(first, Ct));
        await ledger.Settle(Used(first, 7), Ct);
        Assert.Null(await ledger.Reserve(second, Ct));
        await ledger.Settle(Used(first, 7), Ct);

        Assert.Equal((7L, 10L), (await ledger.Spent(Hundred.Name, 1, Noon, Ct))[0] is var spent ? (spent.Tokens, spent.TokensReserved) : default);
    }

    public async ValueTask DisposeAsync()
    {
        if (_database is not null)
        {
            await _database.DisposeAsync();
        }
    }
}
