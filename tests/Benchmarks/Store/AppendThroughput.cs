using AgentPlatform.EventStore;

namespace AgentPlatform.Benchmarks.Store;

/// <summary>Writers side by side, each with a stream of its own; with and without sharing commits.</summary>
internal static class AppendThroughput
{
    public static async Task Run(BenchmarkRun run)
    {
        foreach (var (writers, events) in new[] { (1, 1), (8, 1), (32, 1), (1, 100), (8, 100), (32, 100) })
        {
            await using var bench = await BenchStore.Open(run);
            await using var alone = await BenchStore.Open(run, new EventStoreOptions { GroupUnitsMax = 1, GroupsAtOnceMax = 32 });
            var raws = await Task.WhenAll(Enumerable.Range(0, writers).Select(_ => bench.Raw()));
            var versions = new long[writers];
            var aloneVersions = new long[writers];
            var rawVersions = new int[writers];
            var (baseline, single, grouped) = (new Sample(), new Sample(), new Sample());
            await Round(new Sample(), new Sample(), new Sample(), TimeSpan.FromSeconds(run.IsSmall ? 0.1 : 1));
            for (var round = 0; round < run.Rounds; round++)
            {
                await Round(baseline, single, grouped, run.Duration / 2);
            }

            var shape = $"{writers} writers, {events} events";
            run.Latencies($"raw insert, {shape}", baseline);
            run.Latencies($"append, each its own commit, {shape}", single);
            run.Latencies($"append, {shape}", grouped);
            foreach (var raw in raws)
            {
                await raw.DisposeAsync();
            }

            async Task Round(Sample a, Sample b, Sample c, TimeSpan duration)
            {
                await a.Add(writers, duration, events, async (writer, _) =>
                {
                    await raws[writer].Append($"stream-{writer}", rawVersions[writer] + 1, events);
                    rawVersions[writer] += events;
                });
                await b.Add(writers, duration, events, (writer, i) => Append(alone.Store, aloneVersions, writer, i));
                await c.Add(writers, duration, events, (writer, i) => Append(bench.Store, versions, writer, i));
            }

            async Task Append(PostgresEventStore store, long[] at, int writer, int number)
            {
                var session = store.Open();
                session.Append($"tally-{writer}", ExpectedVersion.Exactly(at[writer]), [.. Enumerable.Range(number, events).Select(BenchStore.Event)]);
                await session.SaveChanges(CancellationToken.None);
                at[writer] += events;
            }
        }
    }
}
