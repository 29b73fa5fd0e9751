using AgentPlatform.Testing;

namespace AgentPlatform.EventStore.Tests;

public sealed class PostgresEventStoreCompliance(Servers servers) : EventStoreCompliance
{
    protected override async Task<ICounterStore> Empty(EventStoreOptions? options = null, TimeProvider? time = null) => await CounterStore.Empty(servers, options, time);
}

public sealed class InMemoryEventStoreCompliance : EventStoreCompliance
{
    protected override Task<ICounterStore> Empty(EventStoreOptions? options = null, TimeProvider? time = null) =>
        Task.FromResult<ICounterStore>(new InMemoryCounterStore(options ?? new EventStoreOptions(), time ?? TimeProvider.System));
}

/// <summary>What every event store promises; a backend proves itself with a subclass that makes an empty one.</summary>
public abstract partial class EventStoreCompliance
{
    protected static CancellationToken Ct => TestContext.Current.CancellationToken;

    protected abstract Task<ICounterStore> Empty(EventStoreOptions? options = null, TimeProvider? time = null);

    [Fact]
    public async Task What_was_appended_folds_into_the_state()
    {
        await using var db = await Empty();
        await Raise(db.Store, "a", 3);
        await Raise(db.Store, "a", 4);

        Assert.Equal((new Counter("a", 7), 3L), await db.Another().Aggregate(Counter.Kind, "a", Ct));
        Assert.Equal((Counter.Kind.Initial, 0L), await db.Store.Aggregate(Counter.Kind, "nobody", Ct));
    }

    [Fact]
    public async Task A_stale_writer_is_refused_and_leaves_no_hole()
    {
        await using var db = await Empty();
        await Raise(db.Store, "a", 1);
        var late = db.Another().Open();
        var stream = await late.FetchForWriting(Counter.Kind, "a", Ct);
        await Raise(db.Store, "a", 1);
        stream.Append(new CounterEvent.Raised(100));

        var refused = await Assert.ThrowsAsync<StreamConflictException>(() => late.SaveChanges(Ct));

        Assert.Equal("stream counter-a was expected at version 2 and is at 3", refused.Message);
        await Raise(db.Store, "a", 1);
        Assert.Equal([1, 2, 3, 4], (await All(db.Store)).Select(e => e.Sequence));
        Assert.Equal(3, (await db.Store.Aggregate(Counter.Kind, "a", Ct)).State.Total);
    }

    [Fact]
    public async Task A_command_that_was_handled_before_is_refused_and_changes_nothing()
    {
        await using var db = await Empty();
        await Told("a");

        var again = await Assert.ThrowsAsync<DuplicateCommandException>(() => Told("b"));

        Assert.Equal("The command pay-7 was handled before", again.Message);
        await Raise(db.Store, "c", 1);
        Assert.Equal(["counter-a", "counter-c", "counter-c"], (await All(db.Store)).Select(e => e.Stream));
        Assert.Equal([1, 2, 3], (await All(db.Store)).Select(e => e.Sequence));

        Task Told(string owner)
        {
            var session = db.Another().Open();
            session.CommandId = "pay-7";
            session.StartStream($"counter-{owner}", new CounterEvent.Opened(owner));
            return session.SaveChanges(Ct);
        }
    }

    [Fact]
    public async Task A_stream_is_started_once_whoever_tries_at_the_same_time()
    {
        await using var db = await Empty();

        var refusals = await Task.WhenAll(Enumerable.Range(0, 16).Select(n => Task.Run(async () =>
        {
            var session = db.Store.Open();
            session.StartStream("counter-a", new CounterEvent.Opened($"writer {n}"));
            return await Record.ExceptionAsync(() => session.SaveChanges(Ct));
        }, Ct)));

        Assert.Single(refusals, e => e is null);
        Assert.All(refusals.OfType<Exception>(), e => Assert.Equal("stream counter-a exists already", Assert.IsType<StreamConflictException>(e).Message));
        Assert.Single(await All(db.Store));
    }

    [Fact]
    public async Task Everything_in_a_unit_of_work_is_stored_or_nothing_is()
    {
        await using var db = await Empty();
        await Raise(db.Store, "b", 1);
        var session = db.Another().Open();
        var stream = await session.FetchForWriting(Counter.Kind, "a", Ct);
        stream.Append(new CounterEvent.Opened("a"));
        session.Append("counter-b", ExpectedVersion.Exactly(7), new CounterEvent.Raised(1));
        session.Archive("counter-b");
        session.AfterCommit(() => Assert.Fail("Nothing was committed"));

        var refused = await Assert.ThrowsAsync<StreamConflictException>(() => session.SaveChanges(Ct));

        Assert.Equal("stream counter-b was expected at version 7 and is at 2", refused.Message);
        Assert.Equal(0, (await db.Store.Aggregate(Counter.Kind, "a", Ct)).Version);
        Assert.Null(await db.Store.Views.Find<Counter>("counters", "a", Ct));
        await Raise(db.Store, "b", 1);
    }

    [Fact]
    public async Task An_append_to_any_version_starts_the_stream_and_goes_on()
    {
        await using var db = await Empty();
        await Append(db.Store, "counter-a", ExpectedVersion.Any, new CounterEvent.Raised(1));
        await Append(db.Store, "counter-a", ExpectedVersion.Any, new CounterEvent.Raised(2), new CounterEvent.Raised(3));

        Assert.Equal([1, 2, 3], (await All(db.Store)).Select(e => e.Version));
    }

    [Fact]
    public async Task A_version_of_a_stream_that_is_not_there_is_refused()
    {
        await using var db = await Empty();

        var refused = await Assert.ThrowsAsync<StreamConflictException>(() => Append(db.Store, "counter-a", ExpectedVersion.Exactly(3), new CounterEvent.Raised(1)));

        Assert.Equal("stream counter-a was expected at version 3 and does not exist", refused.Message);
        Assert.Empty(await All(db.Store));
    }

    [Fact]
    public async Task An_archived_stream_takes_nothing_more_and_is_read_as_before()
    {
        await using var db = await Empty();
        await Raise(db.Store, "a", 1);
        var session = db.Store.Open();
        session.Append("counter-a", ExpectedVersion.Any, new CounterEvent.Raised(5));
        session.Archive("counter-a");
        session.Archive("counter-nobody");
        await session.SaveChanges(Ct);

        var refused = await Assert.ThrowsAsync<StreamArchivedException>(() => Raise(db.Store, "a", 1));

        Assert.Equal("stream counter-a is archived", refused.Message);
        await Assert.ThrowsAsync<StreamArchivedException>(() => Append(db.Store, "counter-a", ExpectedVersion.Any, new CounterEvent.Raised(1)));
        await Assert.ThrowsAsync<StreamConflictException>(() => Append(db.Store, "counter-a", ExpectedVersion.NoStream, new CounterEvent.Raised(1)));
        Assert.Equal((new Counter("a", 6), 3L), await db.Another().Aggregate(Counter.Kind, "a", Ct));
        Assert.Equal(3, (await All(db.Store)).Count);
        await Raise(db.Store, "nobody", 1);
    }

    [Fact]
    public async Task A_unit_of_work_has_bounds_and_says_which()
    {
        await using var db = await Empty(new EventStoreOptions { StreamsPerSaveMax = 2, EventsPerSaveMax = 3, EventBytesMax = 50 });

        await Refused("touch 2 streams and append 3 events; this one has 3 and 3", ("counter-a", new CounterEvent.Raised(1)), ("counter-b", new CounterEvent.Raised(1)), ("counter-c", new CounterEvent.Raised(1)));
        await Refused("The stream counter-a is written twice", ("counter-a", new CounterEvent.Raised(1)), ("counter-a", new CounterEvent.Raised(2)));
        await Refused("EventStore:EventBytesMax", ("counter-a", new CounterEvent.Opened(new string('x', 50))));
        await Refused("is not registered as an event of this store", ("counter-a", "no event"));
        Assert.Empty(await All(db.Store));

        async Task Refused(string why, params (string Stream, object Event)[] appends)
        {
            var session = db.Store.Open();
            foreach (var (stream, e) in appends)
            {
                session.Append(stream, ExpectedVersion.Any, e);
            }

            Assert.Contains(why, (await Assert.ThrowsAsync<InvalidOperationException>(() => session.SaveChanges(Ct))).Message, StringComparison.Ordinal);
        }
    }

    protected static Task Raise(IEventStore store, string owner, int by) => AppendTests.Raise(store, owner, by);

    protected static Task<IReadOnlyList<StoredEvent>> All(IEventStore store) => AppendTests.All(store);

    protected static async Task Append(IEventStore store, string stream, ExpectedVersion expected, params object[] events)
    {
        var session = store.Open();
        session.Append(stream, expected, events);
        await session.SaveChanges(Ct);
    }
}
