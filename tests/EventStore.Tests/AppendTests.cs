using AgentPlatform.Testing;

namespace AgentPlatform.EventStore.Tests;

public sealed class AppendTests(Servers servers)
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task What_was_appended_folds_into_the_state()
    {
        await using var db = await CounterStore.Empty(servers);
        await Raise(db.Store, "a", 3);
        await Raise(db.Store, "a", 4);

        var (state, version) = await db.Another().Aggregate(Counter.Kind, "a", Ct);

        Assert.Equal((new Counter("a", 7), 3L), (state, version));
    }

    [Fact]
    public async Task A_stale_writer_is_refused_and_leaves_no_hole()
    {
        await using var db = await CounterStore.Empty(servers);
        await Raise(db.Store, "a", 1);
        var late = db.Another().Open();
        var stream = await late.FetchForWriting(Counter.Kind, "a", Ct);
        await Raise(db.Store, "a", 1);
        stream.Append(new CounterEvent.Raised(100));

        await Assert.ThrowsAsync<StreamConflictException>(() => late.SaveChanges(Ct));

        await Raise(db.Store, "a", 1);
        Assert.Equal([1, 2, 3, 4], (await All(db.Store)).Select(e => e.Sequence));
        Assert.Equal(3, (await db.Store.Aggregate(Counter.Kind, "a", Ct)).State.Total);
    }

    [Fact]
    public async Task A_stream_is_started_once_whoever_tries_at_the_same_time()
    {
        await using var db = await CounterStore.Empty(servers);

        var outcomes = await Task.WhenAll(Enumerable.Range(0, 16).Select(async n =>
        {
            var session = db.Store.Open();
            session.StartStream("counter-a", new CounterEvent.Opened($"writer {n}"));
            try
            {
                await session.SaveChanges(Ct);
                return true;
            }
            catch (StreamConflictException)
            {
                return false;
            }
        }));

        Assert.Single(outcomes, started => started);
        Assert.Single(await All(db.Store));
    }

    [Fact]
    public async Task Everything_in_a_unit_of_work_is_stored_or_nothing_is()
    {
        await using var db = await CounterStore.Empty(servers);
        await Raise(db.Store, "b", 1);
        var session = db.Another().Open();
        session.Append("counter-a", ExpectedVersion.NoStream, new CounterEvent.Opened("a"));
        session.Append("counter-b", ExpectedVersion.Exactly(7), new CounterEvent.Raised(1));

        var refused = await Assert.ThrowsAsync<StreamConflictException>(() => session.SaveChanges(Ct));

        Assert.Contains("counter-b was expected at version 7 and is at 2", refused.Message, StringComparison.Ordinal);
        Assert.Equal(0, (await db.Store.Aggregate(Counter.Kind, "a", Ct)).Version);
    }

    [Fact]
    public async Task An_append_to_any_version_starts_the_stream_and_goes_on()
    {
        await using var db = await CounterStore.Empty(servers);
        foreach (var by in new[] { 1, 2 })
        {
            var session = db.Store.Open();
            session.Append("counter-a", ExpectedVersion.Any, new CounterEvent.Raised(by));
            await session.SaveChanges(Ct);
        }

        Assert.Equal([1, 2], (await All(db.Store)).Select(e => e.Version));
    }

    [Fact]
    public async Task The_view_is_stored_with_the_events_and_listed_page_by_page()
    {
        await using var db = await CounterStore.Empty(servers);
        foreach (var (owner, by) in new[] { ("a", 3), ("b", 9), ("c", 6), ("d", 1) })
        {
            await Raise(db.Store, owner, by);
        }

        var (first, next) = await db.Store.Views.List<Counter>(new ViewQuery("counters", 3), Ct);
        var (second, end) = await db.Store.Views.List<Counter>(new ViewQuery("counters", 3, next), Ct);
        var (high, _) = await db.Store.Views.List<Counter>(new ViewQuery("counters", 10, Tag: "high", Descending: true), Ct);

        Assert.Equal(["d", "a", "c"], first.Select(c => c.Owner));
        Assert.Equal(["b"], second.Select(c => c.Owner));
        Assert.Null(end);
        Assert.Equal(["b", "c"], high.Select(c => c.Owner));
        Assert.Equal(9, (await db.Store.Views.Find<Counter>("counters", "b", Ct))!.Total);
    }

    [Fact]
    public async Task An_archived_stream_takes_nothing_more()
    {
        await using var db = await CounterStore.Empty(servers);
        await Raise(db.Store, "a", 1);
        await using (var archive = db.Database.CreateCommand("update mt_streams set is_archived = true where id = 'counter-a'"))
        {
            await archive.ExecuteNonQueryAsync(Ct);
        }

        await Assert.ThrowsAsync<StreamArchivedException>(() => Raise(db.Store, "a", 1));
    }

    [Fact]
    public async Task An_event_that_nobody_registered_is_named()
    {
        await using var db = await CounterStore.Empty(servers);
        await Raise(db.Store, "a", 1);
        await using (var rename = db.Database.CreateCommand("update mt_events set type = 'counter-vanished.1' where version = 2"))
        {
            await rename.ExecuteNonQueryAsync(Ct);
        }

        var unknown = await Assert.ThrowsAsync<UnknownEventTypeException>(() => db.Another().Aggregate(Counter.Kind, "a", Ct));

        Assert.Contains("counter-vanished.1", unknown.Message, StringComparison.Ordinal);
    }

    internal static async Task Raise(IEventStore store, string owner, int by)
    {
        var session = store.Open();
        var stream = await session.FetchForWriting(Counter.Kind, owner, Ct);
        if (stream.Version == 0)
        {
            stream.Append(new CounterEvent.Opened(owner));
        }

        stream.Append(new CounterEvent.Raised(by));
        await session.SaveChanges(Ct);
    }

    internal static async Task<IReadOnlyList<StoredEvent>> All(IEventStore store) => (await store.ReadCommitted(0, 10_000, streams: null, Ct)).Events;
}
