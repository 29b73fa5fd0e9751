using System.Text.Json;
using AgentPlatform.EventStore.Tests.Marten;
using AgentPlatform.Testing;
using Microsoft.Extensions.Logging.Abstractions;

namespace AgentPlatform.EventStore.Tests;

/// <summary>Snapshots on PostgreSQL: when they are kept, that they are read, and that a wrong one is not.</summary>
public sealed class SnapshotTests(Servers servers)
{
    private static readonly EventStoreOptions Uncached = new() { StatesCachedMax = 0, HoleGrace = TimeSpan.Zero };
    private static readonly StreamKind<Counter, CounterEvent> EveryThree = Counter.KindOf("counter", "counters", new SnapshotPolicy { EventsBetween = 3, StateVersion = 1 });

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_state_is_kept_by_the_unit_of_work_that_crosses_the_border()
    {
        await using var db = await CounterStore.Empty(servers, Uncached);
        var kept = new List<string>();
        foreach (var count in new[] { 2, 1, 1, 4, 1 })
        {
            await Raise(db, EveryThree, count);
            kept.Add(await Kept(db));
        }

        Assert.Equal(["none", "3: 3", "3: 3", "8: 8", "9: 9"], kept);
        await AppendTests.Raise(db.Store, "b", 5);
        Assert.Equal("9: 9", await Kept(db));
    }

    [Fact]
    public async Task A_kept_state_is_where_the_fold_begins()
    {
        await using var db = await CounterStore.Empty(servers, Uncached);
        await Raise(db, EveryThree, 4);
        await Change(db, "state = '{\"Owner\":\"kept\",\"Total\":1000}'");
        await new MartenWriter(db.Database).Append("counter-a", MartenEvent.Raised(5));

        Assert.Equal((new Counter("kept", 1005), 5L), await db.Store.Aggregate(EveryThree, "a", Ct));
        Assert.Equal((new Counter(string.Empty, 9), 5L), await db.Store.Aggregate(Counter.Kind, "a", Ct));
    }

    [Fact]
    public async Task A_state_of_another_version_or_shape_is_not_read()
    {
        await using var db = await CounterStore.Empty(servers, Uncached);
        await Raise(db, EveryThree, 4);
        var next = Counter.KindOf("counter", "counters", new SnapshotPolicy { EventsBetween = 3, StateVersion = 2 });
        var wider = new StreamKind<WideCounter, CounterEvent>(
            "counter", new WideCounter(0, []), (state, e) => e is CounterEvent.Raised r ? new WideCounter(state.Total + r.By, [.. state.Steps, r.By]) : state, snapshots: EveryThree.Snapshots);
        await Change(db, "state = '{\"Owner\":\"wrong\",\"Total\":1000}'");

        Assert.Equal((new Counter(string.Empty, 4), 4L), await db.Store.Aggregate(next, "a", Ct));
        var (wide, _) = await db.Store.Aggregate(wider, "a", Ct);
        Assert.Equal([1, 1, 1, 1], wide.Steps);

        await Raise(db, next, 2);
        Assert.Equal("6: 6", await Kept(db));
        Assert.Equal(6, (await db.Store.Aggregate(next, "a", Ct)).State.Total);
        Assert.Equal(6, (await db.Store.Aggregate(EveryThree, "a", Ct)).State.Total);
    }

    [Fact]
    public async Task A_refused_writer_keeps_nothing()
    {
        await using var db = await CounterStore.Empty(servers, Uncached);
        await Raise(db, EveryThree, 2);
        var late = db.Store.Open();
        (await late.FetchForWriting(EveryThree, "a", Ct)).Append(new CounterEvent.Raised(100));
        await new MartenWriter(db.Database).Append("counter-a", MartenEvent.Raised(1));

        await Assert.ThrowsAsync<StreamConflictException>(() => late.SaveChanges(Ct));
        Assert.Equal("none", await Kept(db));
    }

    [Fact]
    public async Task A_state_of_several_phases_comes_back_in_its_phase()
    {
        await using var db = await CounterStore.Empty(servers, Uncached);
        var store = new PostgresEventStore(
            db.Database, EventTypes.Of(typeof(CounterEvent)), Uncached, JsonSerializerOptions.Web, new StoreSignal(db.Database, Uncached, NullLogger<StoreSignal>.Instance), TimeProvider.System);
        var kind = new StreamKind<Lamp, CounterEvent>("lamp", new Lamp.Dark(), Lamp.Evolve, snapshots: new SnapshotPolicy { EventsBetween = 1, StateVersion = 1 });
        foreach (CounterEvent e in new CounterEvent[] { new CounterEvent.Opened("a"), new CounterEvent.Raised(7) })
        {
            var session = store.Open();
            (await session.FetchForWriting(kind, "1", Ct)).Append(e);
            await session.SaveChanges(Ct);
        }

        await using (var forget = db.Database.CreateCommand("update mt_events set type = 'nobody-knows' where version = 1"))
        {
            await forget.ExecuteNonQueryAsync(Ct);
        }

        Assert.Equal((new Lamp.Lit("a", 7), 2L), await store.Aggregate(kind, "1", Ct));
    }

    [Fact]
    public void A_policy_that_cannot_be_is_refused() =>
        Assert.Contains("EventsBetween", Assert.Throws<InvalidOperationException>(() => Counter.KindOf("x", "x", new SnapshotPolicy { EventsBetween = 0, StateVersion = 1 })).Message, StringComparison.Ordinal);

    private static async Task Raise(CounterStore db, StreamKind<Counter, CounterEvent> kind, int count)
    {
        var session = db.Store.Open();
        (await session.FetchForWriting(kind, "a", Ct)).Append([.. Enumerable.Repeat(new CounterEvent.Raised(1), count)]);
        await session.SaveChanges(Ct);
    }

    private static async Task<string> Kept(CounterStore db)
    {
        await using var command = db.Database.CreateCommand("select version || ': ' || (state ->> 'Total') from ap_snapshots");
        return await command.ExecuteScalarAsync(Ct) as string ?? "none";
    }

    private static async Task Change(CounterStore db, string set)
    {
        await using var command = db.Database.CreateCommand($"update ap_snapshots set {set}");
        Assert.Equal(1, await command.ExecuteNonQueryAsync(Ct));
    }

    public sealed record WideCounter(int Total, int[] Steps);

    public abstract record Lamp
    {
        private Lamp()
        {
        }

        public sealed record Dark : Lamp;

        public sealed record Lit(string Owner, int Brightness) : Lamp;

        public static Lamp Evolve(Lamp lamp, CounterEvent e) => (lamp, e) switch
        {
            (Dark, CounterEvent.Opened o) => new Lit(o.Owner, 0),
            (Lit lit, CounterEvent.Raised r) => lit with { Brightness = lit.Brightness + r.By },
            _ => lamp,
        };
    }
}
