using System.Globalization;
using System.Text.Json;
using AgentPlatform.EventStore;

namespace AgentPlatform.Benchmarks.Store;

/// <summary>Folding a long stream, without any cache, beside reading and parsing the same rows by hand.</summary>
internal static class Aggregation
{
    public static async Task Run(BenchmarkRun run)
    {
        foreach (var events in new[] { 1_000, 10_000 })
        {
            await using var bench = await BenchStore.Open(run, new EventStoreOptions { StatesCachedMax = 0 });
            var session = bench.Store.Open();
            session.Append("tally-long", ExpectedVersion.NoStream, [.. Enumerable.Range(0, events).Select(BenchStore.Event)]);
            await session.SaveChanges(CancellationToken.None);

            var (baseline, ours) = (new Sample(), new Sample());
            long bytes = 0;
            await Round(new Sample(), new Sample());
            for (var round = 0; round < run.Rounds; round++)
            {
                await Round(baseline, ours);
            }

            run.Latencies($"raw rows read and parsed, {events:N0} events", baseline);
            run.Latencies($"aggregate, {events:N0} events", ours);
            run.Row("allocated | bytes per event", $"aggregate, {events:N0} events", (bytes / events).ToString("N0", CultureInfo.InvariantCulture));

            async Task Round(Sample a, Sample b)
            {
                await a.Add(1, run.Duration / 2, units: 1, async (_, _) =>
                {
                    await using var command = bench.Database.CreateCommand("select version, type, data from mt_events where stream_id = $1 order by version");
                    command.Parameters.Add(new() { Value = "tally-long" });
                    await using var reader = await command.ExecuteReaderAsync();
                    var sum = 0L;
                    while (await reader.ReadAsync())
                    {
                        sum += JsonSerializer.Deserialize<BenchEvent.Noted>(reader.GetString(2), EventTypes.Json)!.Number;
                    }

                    Expect(sum, events);
                });
                await b.Add(1, run.Duration / 2, units: 1, async (_, _) =>
                {
                    var before = GC.GetTotalAllocatedBytes();
                    var (state, _) = await bench.Store.Aggregate(Tally.Kind, "long", CancellationToken.None);
                    bytes = GC.GetTotalAllocatedBytes() - before;
                    Expect(state.Sum, events);
                });
            }
        }
    }

    private static void Expect(long sum, long events)
    {
        if (sum != events * (events - 1) / 2)
        {
            throw new InvalidOperationException($"The fold gave {sum}");
        }
    }
}
