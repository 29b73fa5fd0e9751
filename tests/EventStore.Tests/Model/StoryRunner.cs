using System.Globalization;

namespace AgentPlatform.EventStore.Tests.Model;

/// <summary>Carries out steps on one backend and says in words what came of each, without anything a backend is free to choose.</summary>
/// <param name="stores">Two processes on the same streams.</param>
/// <param name="name">Of this story's streams and views, so that stories do not meet.</param>
/// <param name="position">Where the store's log ended before the story.</param>
/// <param name="settle">Makes everything that was committed visible to readers: holes that refused writers left are proven empty.</param>
public sealed class StoryRunner(IEventStore[] stores, string name, long position, Func<Task> settle)
{
    private readonly StreamKind<Counter, CounterEvent> _kind = Counter.KindOf(name, name, new SnapshotPolicy { EventsBetween = 3, StateVersion = 1 });
    private readonly long[] _followed = [position, position];
    private int _number;

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    public async Task<string> Run(Step step)
    {
        var store = stores[step.Who];
        _number++;
        switch (step)
        {
            case Step.Write write:
                return await Save(await Unit(store, write.Parts, write.Archived));
            case Step.Import import:
                var streams = await Task.WhenAll(import.Parts.Reverse().Select(async part => new StreamImport(Id(part.Stream), await Expected(part), Raised(part.Events))));
                return await Outcome(() => store.Import(streams, "import", null, Ct));
            case Step.Decide decide:
                return await Decide(store, decide);
            case Step.Race race:
                var parts = Array.ConvertAll(race.Streams, stream => new Part(stream, race.Expect, race.Events));
                var units = await Task.WhenAll(stores.Select(s => Unit(s, parts, [])));
                return string.Join(" | ", (await Task.WhenAll(units.Select(unit => Task.Run(() => Save(unit), Ct)))).Order(StringComparer.Ordinal));
            case Step.ReadStream read:
                return Tell(store, await store.ReadStream(Id(read.Stream), read.After, Ct).ToListAsync(Ct));
            case Step.Fold fold:
                return (await store.Aggregate(_kind, Short(fold.Stream), Ct)).ToString();
            case Step.Follow follow:
                return await Follow(step.Who, follow.Limit);
            case Step.ReadSome some:
                await settle();
                var page = await store.ReadCommitted(position, some.Limit, [.. some.Streams.Select(Id)], Ct);
                return $"{Tell(store, page.Events)} more: {page.More}";
            case Step.List list:
                return await List(store, new ViewQuery(name, list.Limit, Tag: list.Tag, Descending: list.Descending));
            default:
                throw new InvalidOperationException($"Nobody knows how to {step}");
        }
    }

    /// <summary>Everything the story stored, as a follower sees it, page by page.</summary>
    public async Task<string> Everything()
    {
        _followed[0] = position;
        var pages = new List<string>();
        do
        {
            pages.Add(await Follow(0, 7));
        }
        while (pages[^1].EndsWith("more: True", StringComparison.Ordinal));
        return string.Join('\n', pages);
    }

    private async Task<string> Decide(IEventStore store, Step.Decide decide)
    {
        var session = store.Open();
        session.CausationId = "decided";
        foreach (var number in decide.Streams)
        {
            var stream = await session.FetchForWriting(_kind, Short(number), Ct);
            if (stream.Version == 0)
            {
                stream.Append(new CounterEvent.Opened(Short(number)));
            }

            stream.Append(Raised(decide.Events));
        }

        var between = decide.Overtaken ? await Save(await Unit(stores[1 - decide.Who], [new Part(decide.Streams[0], Expect.Any, 1)], [])) : "nobody between";
        return $"{between}; {await Save(session)}";
    }

    private async Task<IEventSession> Unit(IEventStore store, Part[] parts, int[] archived)
    {
        var session = store.Open();
        session.CorrelationId = name;
        foreach (var part in parts)
        {
            session.Append(Id(part.Stream), await Expected(part), Raised(part.Events));
        }

        foreach (var stream in archived)
        {
            session.Archive(Id(stream));
        }

        return session;
    }

    private async Task<ExpectedVersion> Expected(Part part)
    {
        var (_, version) = await stores[0].Aggregate(_kind, Short(part.Stream), Ct);
        return part.Expect switch
        {
            Expect.Any => ExpectedVersion.Any,
            Expect.NoStream => ExpectedVersion.NoStream,
            Expect.Current => ExpectedVersion.Exactly(version),
            Expect.Behind => ExpectedVersion.Exactly(Math.Max(version - 1, 1)),
            _ => ExpectedVersion.Exactly(version + 1),
        };
    }

    private async Task<string> Save(IEventSession session)
    {
        var told = 0;
        session.AfterCommit(() => told++);
        return $"{await Outcome(() => session.SaveChanges(Ct))}, told {told}";
    }

    private static async Task<string> Outcome(Func<Task> store)
    {
        try
        {
            await store();
            return "stored";
        }
        catch (Exception refused) when (refused is StreamConflictException or StreamArchivedException)
        {
            return $"{refused.GetType().Name}: {refused.Message}";
        }
    }

    private async Task<string> Follow(int who, int limit)
    {
        await settle();
        var page = await stores[who].ReadCommitted(_followed[who], limit, streams: null, Ct);
        _followed[who] = page.HighWater;
        return $"{Tell(stores[who], page.Events)} more: {page.More}";
    }

    private static async Task<string> List(IEventStore store, ViewQuery query)
    {
        var pages = new List<string>();
        for (string? after = null; ;)
        {
            var (rows, next) = await store.Views.List<Counter>(query with { After = after }, Ct);
            pages.Add(string.Join(", ", rows));
            if ((after = next) is null)
            {
                return string.Join(" / ", pages);
            }
        }
    }

    // Both sides of a race append the same, so that it does not matter who was first.
    private CounterEvent[] Raised(int count) => [.. Enumerable.Range(_number, count).Select(n => new CounterEvent.Raised(n % 5))];

    private static string Tell(IEventStore store, IEnumerable<StoredEvent> events) =>
        string.Join(", ", events.Select(e => string.Create(CultureInfo.InvariantCulture, $"{e.Stream}/{e.Version} {e.Type} {store.Open(e)} {e.Correlation}/{e.Causation}")));

    private static string Short(int stream) => stream.ToString(CultureInfo.InvariantCulture);

    private string Id(int stream) => _kind.StreamId(Short(stream));
}
