namespace AgentPlatform.Benchmarks.Tools;

/// <summary>Calls until what is called is warm: counted, because a busy machine gets there later.</summary>
internal static class Warm
{
    private const int Callers = 16;
    private const int Calls = 6_000;
    private static readonly TimeSpan DurationMax = TimeSpan.FromSeconds(20);

    public static async Task Up(BenchmarkRun run, Func<Task> call)
    {
        var (left, sample, begun) = (run.IsSmall ? Callers : Calls, new Sample(), TimeProvider.System.GetTimestamp());
        while (left > 0 && TimeProvider.System.GetElapsedTime(begun) < DurationMax)
        {
            var before = sample.Count;
            await sample.Add(Callers, run.Duration / 4, 1, (_, _) => call());
            left -= (int)(sample.Count - before);
        }
    }
}
