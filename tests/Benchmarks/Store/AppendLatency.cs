using System.Globalization;
using AgentPlatform.EventStore;

namespace AgentPlatform.Benchmarks.Store;

/// <summary>One writer, one event, one stream that grows: what a single decision waits for.</summary>
internal static class AppendLatency
{
    public static async Task Run(BenchmarkRun run)
    {
        await using var bench = await BenchStore.Open(run);
        await using var raw = await bench.Raw();
        var (baseline, byHand, ours) = (new Sample(), new Sample(), new Sample());
        var (rawVersion, handVersion, version) = (0, 0L, 0L);
        var (rawCpu, cpu, rawBytes, bytes) = (TimeSpan.Zero, TimeSpan.Zero, 0L, 0L);

        // The first half second is not counted: statements get prepared, code gets compiled.
        await Rounds(new Sample(), new Sample(), new Sample(), TimeSpan.FromSeconds(run.IsSmall ? 0.1 : 1));
        for (var round = 0; round < run.Rounds; round++)
        {
            await Rounds(baseline, byHand, ours, run.Duration);
        }

        run.Latencies("raw Npgsql insert, 1 writer, 1 event", baseline);
        run.Latencies("the statement of an append, prepared, on a connection that is kept", byHand);
        run.Latencies("append with expected version, 1 writer, 1 event", ours);
        run.Row("in the client, per append | CPU µs | allocated bytes", "raw insert", Per(rawCpu.TotalMicroseconds, rawVersion), Per(rawBytes, rawVersion));
        run.Row("in the client, per append | CPU µs | allocated bytes", "append", Per(cpu.TotalMicroseconds, version), Per(bytes, version));
        run.Row("ratio | value", "median of the append's statement by hand / median raw insert", (byHand.Quantile(0.5) / baseline.Quantile(0.5)).ToString("0.00", CultureInfo.InvariantCulture));
        run.Row("ratio | value", "median append / median raw insert", (ours.Quantile(0.5) / baseline.Quantile(0.5)).ToString("0.00", CultureInfo.InvariantCulture));

        static string Per(double sum, long appends) => (sum / appends).ToString("N0", CultureInfo.InvariantCulture);

        async Task Rounds(Sample first, Sample middle, Sample second, TimeSpan duration)
        {
            var (cpuBefore, bytesBefore) = (Environment.CpuUsage.TotalTime, GC.GetTotalAllocatedBytes());
            await first.Add(1, duration, units: 1, (_, _) => raw.Append("stream", ++rawVersion, 1));
            var (cpuRaw, bytesRaw) = (Environment.CpuUsage.TotalTime, GC.GetTotalAllocatedBytes());
            await middle.Add(1, duration, units: 1, (_, i) => raw.AppendToStream("tally-by-hand", handVersion++, i));
            var (cpuBetween, bytesBetween) = (Environment.CpuUsage.TotalTime, GC.GetTotalAllocatedBytes());
            await second.Add(1, duration, units: 1, async (_, i) =>
            {
                var session = bench.Store.Open();
                session.Append("tally-one", ExpectedVersion.Exactly(version), BenchStore.Event(i));
                await session.SaveChanges(CancellationToken.None);
                version++;
            });
            (rawCpu, cpu) = (rawCpu + cpuRaw - cpuBefore, cpu + Environment.CpuUsage.TotalTime - cpuBetween);
            (rawBytes, bytes) = (rawBytes + bytesRaw - bytesBefore, bytes + GC.GetTotalAllocatedBytes() - bytesBetween);
        }
    }
}
