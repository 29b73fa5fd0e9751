namespace AgentPlatform.EventStore;

/// <summary>Bounds and timing of async projections.</summary>
public sealed record ProjectionOptions
{
    /// <summary>Events read and applied in one transaction.</summary>
    public int BatchEventsMax { get; init; } = 500;

    /// <summary>JSON read for one transaction, in bytes; an event beyond it waits for the next one.</summary>
    public int BatchBytesMax { get; init; } = 16 * 1024 * 1024;

    /// <summary>Events of one projection that may be parked and not yet retried. Beyond it the projection pauses: then it is the projection that is broken, not the events.</summary>
    public int ParkedMax { get; init; } = 100;

    /// <summary>How long a parked event that was retried with success is remembered.</summary>
    public TimeSpan RetriedKept { get; init; } = TimeSpan.FromDays(30);

    /// <summary>Parked events of one projection, retried with success, that are remembered.</summary>
    public int RetriedKeptMax { get; init; } = 1_000;

    /// <summary>How often those two are enforced.</summary>
    public TimeSpan CleanEvery { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>Pause after trouble of PostgreSQL; doubled each time.</summary>
    public TimeSpan RetryDelay { get; init; } = TimeSpan.FromMilliseconds(100);

    /// <summary>Upper bound of that pause.</summary>
    public TimeSpan RetryDelayMax { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>How often a process that does not lead tries to, a paused projection looks whether it may go on, and the lag is looked at while nothing happens.</summary>
    public TimeSpan PollEvery { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>How often it looks while it stands at a hole in the sequence, or waits for another process's progress: nobody tells of either.</summary>
    public TimeSpan LookEvery { get; init; } = TimeSpan.FromMilliseconds(20);

    /// <summary>Checks the options against each other.</summary>
    /// <exception cref="InvalidOperationException">Names the option that cannot be.</exception>
    public void Validate()
    {
        if (BatchEventsMax < 1 || BatchBytesMax < 1 || ParkedMax < 0 || RetriedKeptMax < 0)
        {
            throw new InvalidOperationException(
                $"Projections: BatchEventsMax and BatchBytesMax must be at least 1, ParkedMax and RetriedKeptMax at least 0 ({BatchEventsMax}, {BatchBytesMax}, {ParkedMax}, {RetriedKeptMax})");
        }

        if (RetryDelay <= TimeSpan.Zero || RetryDelayMax < RetryDelay)
        {
            throw new InvalidOperationException($"Projections:RetryDelay must be positive and RetryDelayMax at least as long ({RetryDelay}, {RetryDelayMax})");
        }

        if (PollEvery <= TimeSpan.Zero || LookEvery <= TimeSpan.Zero || LookEvery > PollEvery || CleanEvery <= TimeSpan.Zero || RetriedKept < TimeSpan.Zero)
        {
            throw new InvalidOperationException(
                $"Projections: LookEvery, PollEvery and CleanEvery must be positive, LookEvery at most PollEvery, RetriedKept not negative ({LookEvery}, {PollEvery}, {CleanEvery}, {RetriedKept})");
        }
    }
}
