namespace AgentPlatform.Benchmarks.Tests;

/// <summary>Runs every benchmark for a moment, so that none of them rots; the figures mean nothing here.</summary>
public sealed class EveryBenchmarkTests
{
    [Fact]
    public async Task Each_runs_and_fills_its_table()
    {
        await using var run = await BenchmarkRun.Start(small: true, TextWriter.Null);
        foreach (var (name, benchmark) in AllBenchmarks.ByName)
        {
            var output = new StringWriter();
            await benchmark(run.Telling(output));
            var rows = output.ToString().Split('\n').Count(line => line.StartsWith("| ", StringComparison.Ordinal));
            Assert.True(rows >= 2, $"{name} told only this:\n{output}");
        }
    }

    [Fact]
    public async Task An_unknown_benchmark_is_wrong_use_and_the_known_ones_are_named()
    {
        var errors = new StringWriter();

        Assert.Equal(2, await AllBenchmarks.Run(["no-such-benchmark"], TextWriter.Null, errors));
        Assert.Contains("append", errors.ToString(), StringComparison.Ordinal);
    }
}
