namespace AgentPlatform.EventStore.Tests;

public abstract partial class EventStoreCompliance
{
    [Fact]
    public async Task A_bulk_append_starts_and_lengthens_streams_and_is_read_in_the_order_given()
    {
        await using var db = await Empty();
        await Raise(db.Store, "b", 1);
        await db.Store.Import(
            [
                new StreamImport("counter-c", ExpectedVersion.NoStream, [new CounterEvent.Opened("c"), new CounterEvent.Raised(3)]) { Kind = "counter" },
                new StreamImport("counter-b", ExpectedVersion.Exactly(2), [new CounterEvent.Raised(2)]),
                new StreamImport("counter-a", ExpectedVersion.Any, [new CounterEvent.Raised(1)]),
            ],
            "import", "file", Ct);
        await db.Store.Import([], null, null, Ct);
        await Raise(db.Store, "c", 4);

        var events = (await All(db.Another())).Skip(2).ToList();
        Assert.Equal(
            [("counter-c", 1L, 3L), ("counter-c", 2L, 4L), ("counter-b", 3L, 5L), ("counter-a", 1L, 6L), ("counter-c", 3L, 7L)],
            events.Select(e => (e.Stream, e.Version, e.Sequence)));
        Assert.Equal([("import", "file"), ("import", "file"), ("import", "file"), ("import", "file"), (null, null)], events.Select(e => (e.Correlation, e.Causation)));
        Assert.Equal((new Counter("c", 7), 3L), await db.Store.Aggregate(Counter.Kind, "c", Ct));
        Assert.Equal((new Counter("b", 3), 3L), await db.Store.Aggregate(Counter.Kind, "b", Ct));
    }

    [Fact]
    public async Task A_bulk_append_may_have_more_streams_and_events_than_a_unit_of_work()
    {
        await using var db = await Empty();
        var options = new EventStoreOptions();
        const int streams = 1_200, each = 10;
        Assert.True(streams > options.StreamsPerSaveMax && streams * each > options.EventsPerSaveMax);

        await db.Store.Import([.. Enumerable.Range(0, streams).Select(n => new StreamImport($"counter-{n}", ExpectedVersion.NoStream, [.. Enumerable.Repeat(new CounterEvent.Raised(n), each)]))], null, null, Ct);

        var events = (await db.Store.ReadCommitted(0, streams * each + 1, streams: null, Ct)).Events;
        Assert.Equal(
            Enumerable.Range(0, streams * each).Select(at => (at + 1L, $"counter-{at / each}", at % each + 1L, at / each)),
            events.Select(e => (e.Sequence, e.Stream, e.Version, ((CounterEvent.Raised)db.Store.Open(e)).By)));
    }

    [Theory]
    [InlineData("counter-b", 0, "stream counter-b exists already")]
    [InlineData("counter-b", 7, "stream counter-b was expected at version 7 and is at 2")]
    [InlineData("counter-x", 3, "stream counter-x was expected at version 3 and does not exist")]
    [InlineData("counter-old", -1, "stream counter-old is archived")]
    public async Task A_bulk_append_is_refused_whole_and_leaves_no_hole(string stream, long expected, string why)
    {
        await using var db = await Empty();
        await Raise(db.Store, "b", 1);
        await Raise(db.Store, "old", 1);
        var archive = db.Store.Open();
        archive.Archive("counter-old");
        await archive.SaveChanges(Ct);

        var refused = await Record.ExceptionAsync(() => db.Store.Import(
            [
                new StreamImport("counter-a", ExpectedVersion.Any, [new CounterEvent.Raised(1)]),
                new StreamImport(stream, new ExpectedVersion(expected), [new CounterEvent.Raised(2)]),
                new StreamImport("counter-z", ExpectedVersion.NoStream, [new CounterEvent.Raised(3)]),
            ],
            null, null, Ct));

        Assert.Equal(why, refused?.Message);
        Assert.True(why.EndsWith("archived", StringComparison.Ordinal) ? refused is StreamArchivedException : refused is StreamConflictException);
        await Raise(db.Store, "z", 1);
        Assert.Equal([1, 2, 3, 4, 5, 6], (await All(db.Store)).Select(e => e.Sequence));
        Assert.Equal(0, (await db.Store.Aggregate(Counter.Kind, "a", Ct)).Version);
    }

    [Fact]
    public async Task A_bulk_append_has_bounds_and_says_which()
    {
        await using var db = await Empty(new EventStoreOptions { EventsPerImportMax = 2, EventBytesMax = 50 });

        await Refused("EventStore:EventsPerImportMax", new StreamImport("counter-a", ExpectedVersion.Any, [new CounterEvent.Raised(1), new CounterEvent.Raised(1), new CounterEvent.Raised(1)]));
        await Refused("The stream counter-a is written twice", new StreamImport("counter-a", ExpectedVersion.Any, [new CounterEvent.Raised(1)]), new StreamImport("counter-a", ExpectedVersion.Any, [new CounterEvent.Raised(1)]));
        await Refused("has no id or no events", new StreamImport("counter-a", ExpectedVersion.Any, []));
        await Refused("EventStore:EventBytesMax", new StreamImport("counter-a", ExpectedVersion.Any, [new CounterEvent.Opened(new string('x', 50))]));
        await Refused("is not registered as an event of this store", new StreamImport("counter-a", ExpectedVersion.Any, ["no event"]));
        Assert.Empty(await All(db.Store));

        async Task Refused(string why, params StreamImport[] streams) =>
            Assert.Contains(why, (await Assert.ThrowsAsync<InvalidOperationException>(() => db.Store.Import(streams, null, null, Ct))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Bulk_appends_and_writers_on_the_same_streams_end_in_whole_streams()
    {
        await using var db = await Empty();
        string[] streams = ["counter-a", "counter-b", "counter-c", "counter-d"];

        await Task.WhenAll(Enumerable.Range(0, 6).Select(writer => Task.Run(async () =>
        {
            for (var round = 0; round < 10; round++)
            {
                var order = writer % 2 == 0 ? streams : [.. streams.Reverse()];
                if (writer % 3 == 0)
                {
                    await db.Store.Import([.. order.Select(s => new StreamImport(s, ExpectedVersion.Any, [new CounterEvent.Raised(1), new CounterEvent.Raised(1)]))], null, null, Ct);
                    continue;
                }

                var session = db.Store.Open();
                foreach (var stream in order)
                {
                    session.Append(stream, ExpectedVersion.Any, new CounterEvent.Raised(1), new CounterEvent.Raised(1));
                }

                await session.SaveChanges(Ct);
            }
        }, Ct)));

        var events = await All(db.Store);
        Assert.Equal(480, events.Count);
        Assert.All(streams, stream => Assert.Equal(Enumerable.Range(1, 120).Select(v => (long)v), events.Where(e => e.Stream == stream).Select(e => e.Version)));
    }
}
