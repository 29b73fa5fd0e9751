using System.Globalization;
using AgentPlatform.EventStore;

namespace AgentPlatform.Benchmarks.Store;

/// <summary>Eight writers decide on one stream, each with the version it has seen, and decide again when another was faster. No append may be lost.</summary>
internal static class HotStream
{
    public static async Task Run(BenchmarkRun run)
    {
        await using var bench = await BenchStore.Open(run);
        var (sample, conflicts) = (new Sample(), 0);
        for (var round = 0; round < run.Rounds; round++)
        {
            await sample.Add(8, run.Duration, units: 1, async (_, i) =>
            {
                while (true)
                {
                    var session = bench.Store.Open();
                    var stream = await session.FetchForWriting(Tally.Kind, "hot", CancellationToken.None);
                    stream.Append(BenchStore.Event(1));
                    try
                    {
                        await session.SaveChanges(CancellationToken.None);
                        return;
                    }
                    catch (StreamConflictException)
                    {
                        Interlocked.Increment(ref conflicts);
                    }
                }
            });
        }

        var (state, version) = await bench.Store.Aggregate(Tally.Kind, "hot", CancellationToken.None);
        if (version != sample.Count || state.Sum != sample.Count)
        {
            throw new InvalidOperationException($"{sample.Count} appends succeeded, but the stream holds {version}");
        }

        run.Latencies("8 writers, 1 hot stream, load + decide + append", sample);
        run.Row(
            "8 writers on one stream | appends kept | decisions made again", "all are there",
            version.ToString("N0", CultureInfo.InvariantCulture), conflicts.ToString("N0", CultureInfo.InvariantCulture));
    }
}
