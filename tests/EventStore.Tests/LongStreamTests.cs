using AgentPlatform.Testing;

namespace AgentPlatform.EventStore.Tests;

/// <summary>Alone, as allocations are counted for the whole process.</summary>
[CollectionDefinition(nameof(LongStreamTests), DisableParallelization = true)]
public sealed class LongStreamCollection;

[Collection(nameof(LongStreamTests))]
public sealed class LongStreamTests(Servers servers, ITestOutputHelper output)
{
    private const int Events = 10_000;

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_long_stream_is_folded_row_by_row_and_allocates_little_more_than_its_events()
    {
        await using var db = await CounterStore.Empty(servers, new EventStoreOptions { StatesCachedMax = 0, HoleGrace = TimeSpan.Zero });
        var session = db.Store.Open();
        session.StartStream("counter-a", [.. Enumerable.Range(1, Events).Select(n => n % 2 == 0 ? (object)new CounterEvent.Raised(1) : new CounterEvent.Opened($"owner {n} with a name of some length, so that a string in between would be seen"))]);
        await session.SaveChanges(Ct);
        var stored = await db.Store.ReadStream("counter-a", 0, Ct).ToListAsync(Ct);

        await Fold(db);
        var before = GC.GetTotalAllocatedBytes(precise: true);
        await Fold(db);
        var folded = GC.GetTotalAllocatedBytes(precise: true) - before;

        // What cannot be saved: the events themselves and the states between them.
        before = GC.GetAllocatedBytesForCurrentThread();
        var state = Counter.Kind.Initial;
        foreach (var e in stored)
        {
            state = Counter.Kind.Evolve(state, (CounterEvent)db.Store.Open(e));
        }

        var needed = GC.GetAllocatedBytesForCurrentThread() - before;
        output.WriteLine($"{folded / Events} bytes per event, of which {needed / Events} are the events and states themselves; {stored.Sum(e => e.Json.Length) / Events} bytes of JSON");
        Assert.True(folded - needed < 100L * Events, $"{folded / Events} bytes per event allocated, {needed / Events} needed");

        await using var prepared = db.Database.CreateCommand("select count(*) from pg_prepared_statements where statement like 'select version, type, data %'");
        Assert.Equal(1L, await prepared.ExecuteScalarAsync(Ct));
    }

    [Fact]
    public async Task An_event_larger_than_any_buffer_and_one_of_the_longest_name_are_read()
    {
        await using var db = await CounterStore.Empty(servers, new EventStoreOptions { StatesCachedMax = 0, HoleGrace = TimeSpan.Zero });
        string[] owners = [new('é', 100_000), "b", new('c', 300_000), "d"];
        var session = db.Store.Open();
        session.StartStream("counter-a", [.. owners.Select(owner => new CounterEvent.Opened(owner))]);
        await session.SaveChanges(Ct);
        var kind = new StreamKind<Owners, CounterEvent>("counter", new Owners([]), (state, e) => new Owners([.. state.Names, ((CounterEvent.Opened)e).Owner]));

        Assert.Equal(owners, (await db.Store.Aggregate(kind, "a", Ct)).State.Names.ToList());

        var longest = new string('\u20ac', 500);
        await using (var rename = db.Database.CreateCommand($"update mt_events set type = '{longest}' where version = 2"))
        {
            await rename.ExecuteNonQueryAsync(Ct);
        }

        Assert.Contains(longest, (await Assert.ThrowsAsync<UnknownEventTypeException>(() => db.Store.Aggregate(kind, "a", Ct))).Message, StringComparison.Ordinal);
    }

    private sealed record Owners(IReadOnlyList<string> Names);

    private static async Task Fold(CounterStore db) => Assert.Equal(Events, (await db.Store.Aggregate(Counter.Kind, "a", Ct)).Version);
}
