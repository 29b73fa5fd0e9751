namespace AgentPlatform.AppHost.Supervision;

/// <summary>How a crash is answered.</summary>
internal sealed record RestartOptions
{
    public TimeSpan DelayMin { get; init; } = TimeSpan.FromMilliseconds(200);

    public TimeSpan DelayMax { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>More crashes than this within <see cref="Window"/>, and it stays down.</summary>
    public int CrashesMax { get; init; } = 10;

    public TimeSpan Window { get; init; } = TimeSpan.FromMinutes(2);

    /// <summary>After running this long, the next crash is answered as if it were the first.</summary>
    public TimeSpan StableAfter { get; init; } = TimeSpan.FromSeconds(10);

    public void Check()
    {
        if (DelayMin > DelayMax)
        {
            throw new ArgumentException($"DelayMin must not exceed DelayMax ({DelayMin}, {DelayMax}).");
        }

        if (CrashesMax < 0)
        {
            throw new ArgumentException($"CrashesMax must not be negative ({CrashesMax}).");
        }
    }
}

/// <summary>Counts crashes and says how long to wait, or that it is enough.</summary>
internal sealed class RestartPolicy(RestartOptions options, TimeProvider time)
{
    private readonly Queue<DateTimeOffset> crashes = [];
    private int inARow;

    /// <summary>The delay before the next start; null to give up.</summary>
    public TimeSpan? AfterCrash(TimeSpan ranFor)
    {
        var now = time.GetUtcNow();
        crashes.Enqueue(now);
        while (now - crashes.Peek() > options.Window)
        {
            crashes.Dequeue();
        }

        if (crashes.Count > options.CrashesMax)
        {
            return null;
        }

        inARow = ranFor >= options.StableAfter ? 0 : inARow;
        var delay = options.DelayMin * Math.Pow(2, inARow++);
        return delay < options.DelayMax ? delay : options.DelayMax;
    }

    /// <summary>A person started it: the past is forgiven.</summary>
    public void Reset()
    {
        crashes.Clear();
        inARow = 0;
    }
}
