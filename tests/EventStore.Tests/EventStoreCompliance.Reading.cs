using System.Text.Json;

namespace AgentPlatform.EventStore.Tests;

public abstract partial class EventStoreCompliance
{
    [Fact]
    public async Task An_event_is_read_as_it_was_appended_with_what_caused_it()
    {
        var at = new DateTimeOffset(2026, 1, 2, 3, 4, 5, TimeSpan.Zero).AddTicks(1_234_567);
        await using var db = await Empty(time: new StoppedClock(at));
        var session = db.Store.Open();
        (session.CorrelationId, session.CausationId) = ("run-1", "message-1");
        session.StartStream("counter-a", new CounterEvent.Opened("é\"ü"), new CounterEvent.Raised(2));
        await session.SaveChanges(Ct);
        await Append(db.Store, "counter-b", ExpectedVersion.Any, new CounterEvent.Raised(3));

        var read = await db.Another().ReadStream("counter-a", 0, Ct).ToListAsync(Ct);

        var events = await All(db.Another());
        Assert.Equal(events.Take(2).Select(WithoutJson), read.Select(WithoutJson));
        Assert.Equal([("counter-opened.1", "counter-a", 1L, 1L), ("counter-raised.1", "counter-a", 2L, 2L), ("counter-raised.1", "counter-b", 1L, 3L)], events.Select(e => (e.Type, e.Stream, e.Version, e.Sequence)));
        Assert.Equal([("run-1", "message-1"), ("run-1", "message-1"), (null, null)], events.Select(e => (e.Correlation, e.Causation)));
        Assert.Equal([at.AddTicks(-7), at.AddTicks(-7), at.AddTicks(-7)], events.Select(e => e.At));
        Assert.Equal(3, events.Select(e => e.Id).Distinct().Count());
        Assert.Equal([new CounterEvent.Opened("é\"ü"), new CounterEvent.Raised(2), new CounterEvent.Raised(3)], events.Select(db.Store.Open));
        Assert.True(JsonElement.DeepEquals(JsonElement.Parse("""{"Owner":"é\"ü"}"""), JsonElement.Parse(events[0].Json.Span)));

        static StoredEvent WithoutJson(StoredEvent e) => e with { Json = default };
    }

    [Fact]
    public async Task A_stream_is_read_from_any_version_on()
    {
        await using var db = await Empty();
        await Append(db.Store, "counter-a", ExpectedVersion.Any, [.. Enumerable.Range(1, 5).Select(by => new CounterEvent.Raised(by))]);

        Assert.Equal([4, 5], (await db.Store.ReadStream("counter-a", 3, Ct).ToListAsync(Ct)).Select(e => e.Version));
        Assert.Empty(await db.Store.ReadStream("counter-a", 5, Ct).ToListAsync(Ct));
        Assert.Empty(await db.Store.ReadStream("counter-nobody", 0, Ct).ToListAsync(Ct));
    }

    [Fact]
    public async Task Committed_pages_follow_each_other_without_gap_or_repetition()
    {
        await using var db = await Empty();
        foreach (var owner in new[] { "a", "b", "a", "b", "a" })
        {
            await Append(db.Store, $"counter-{owner}", ExpectedVersion.Any, new CounterEvent.Raised(1));
        }

        var first = await db.Store.ReadCommitted(0, 2, streams: null, Ct);
        var second = await db.Store.ReadCommitted(first.HighWater, 3, streams: null, Ct);
        var end = await db.Store.ReadCommitted(second.HighWater, 3, streams: null, Ct);
        var some = await db.Store.ReadCommitted(1, 10, ["counter-a", "counter-nobody"], Ct);

        Assert.Equal(("1 2", 2L, true), Shape(first));
        Assert.Equal(("3 4 5", 5L, true), Shape(second));
        Assert.Equal((string.Empty, 5L, false), Shape(end));
        Assert.Equal(("3 5", 5L, false), Shape(some));

        static (string Sequences, long HighWater, bool More) Shape(CommittedPage page) => (string.Join(' ', page.Events.Select(e => e.Sequence)), page.HighWater, page.More);
    }

    [Fact]
    public async Task The_view_is_stored_with_the_events_and_listed_page_by_page()
    {
        await using var db = await Empty();
        foreach (var (owner, by) in new[] { ("a", 3), ("b", 9), ("c", 6), ("d", 1), ("e", 3) })
        {
            await Raise(db.Store, owner, by);
        }

        var (first, next) = await db.Store.Views.List<Counter>(new ViewQuery("counters", 3), Ct);
        var (second, end) = await db.Store.Views.List<Counter>(new ViewQuery("counters", 3, next), Ct);
        var (high, _) = await db.Store.Views.List<Counter>(new ViewQuery("counters", 10, Tag: "high", Descending: true), Ct);

        Assert.Equal(["d", "a", "e"], first.Select(c => c.Owner));
        Assert.Equal(["c", "b"], second.Select(c => c.Owner));
        Assert.Null(end);
        Assert.Equal(["b", "c"], high.Select(c => c.Owner));
        Assert.Equal(9, (await db.Store.Views.Find<Counter>("counters", "b", Ct))!.Total);
        Assert.Null(await db.Store.Views.Find<Counter>("others", "b", Ct));
    }

    [Fact]
    public async Task Rows_that_sort_alike_and_beyond_ASCII_come_in_the_order_of_their_bytes()
    {
        await using var db = await Empty();
        string[] owners = ["b", "B", "a-1", "é", "z", "\U0001F600", "\uFFFD"];
        foreach (var owner in owners)
        {
            await Raise(db.Store, owner, 1);
        }

        var (seen, page) = (new List<string>(), null as string);
        do
        {
            var (rows, next) = await db.Store.Views.List<Counter>(new ViewQuery("counters", 2, page), Ct);
            seen.AddRange(rows.Select(c => c.Owner));
            page = next;
        }
        while (page is not null);

        Assert.Equal(["B", "a-1", "b", "z", "é", "\uFFFD", "\U0001F600"], seen);
    }

    [Theory]
    [InlineData("no base64!")]
    [InlineData("bm8gY3Vyc29y")]
    public async Task A_cursor_that_nobody_gave_is_refused(string cursor)
    {
        await using var db = await Empty();

        await Assert.ThrowsAsync<FormatException>(() => db.Store.Views.List<Counter>(new ViewQuery("counters", 3, cursor), Ct));
    }

    [Fact]
    public async Task A_waiting_reader_wakes_when_something_was_appended_and_not_before()
    {
        await using var db = await Empty(new EventStoreOptions { PollEvery = TimeSpan.FromMinutes(10) });
        var signal = db.Store.Signal;
        var next = signal.Next;
        var waiting = signal.Wait(next, Ct);
        await Assert.ThrowsAsync<StreamConflictException>(() => Append(db.Store, "counter-a", ExpectedVersion.Exactly(3), new CounterEvent.Raised(1)));
        Assert.False(next.IsCompleted);

        var told = false;
        var session = db.Store.Open();
        session.StartStream("counter-a", new CounterEvent.Opened("a"));
        session.AfterCommit(() => told = true);
        await session.SaveChanges(Ct);

        await waiting.WaitAsync(TimeSpan.FromSeconds(30), Ct);
        Assert.True(told && next.IsCompleted && !signal.Next.IsCompleted);
    }

    [Fact]
    public async Task Snapshots_change_no_answer()
    {
        await using var db = await Empty(new EventStoreOptions { StatesCachedMax = 0, HoleGrace = TimeSpan.Zero });
        var keeping = Counter.KindOf("counter", "counters", new SnapshotPolicy { EventsBetween = 3, StateVersion = 1 });
        for (var n = 1; n <= 10; n++)
        {
            var session = db.Store.Open();
            var stream = await session.FetchForWriting(keeping, "a", Ct);
            stream.Append(new CounterEvent.Raised(n));
            stream.Append(n % 2 == 0 ? [new CounterEvent.Raised(1)] : []);
            await session.SaveChanges(Ct);

            Assert.Equal(await db.Another().Aggregate(Counter.Kind, "a", Ct), await db.Another().Aggregate(keeping, "a", Ct));
        }

        var archive = db.Store.Open();
        archive.Archive("counter-a");
        await archive.SaveChanges(Ct);
        Assert.Equal((new Counter(string.Empty, 60), 15L), await db.Another().Aggregate(keeping, "a", Ct));
    }

    private sealed class StoppedClock(DateTimeOffset now) : TimeProvider
    {
        public override DateTimeOffset GetUtcNow() => now;
    }
}
