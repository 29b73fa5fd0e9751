namespace AgentPlatform.EventStore;

/// <summary>Bounds and timing of the event store.</summary>
public sealed record EventStoreOptions
{
    /// <summary>The PostgreSQL schema of all tables; a plain lower-case identifier.</summary>
    public string Schema { get; init; } = "public";

    /// <summary>Folded states kept in memory so that a write reads only what is new; 0 switches it off.</summary>
    public int StatesCachedMax { get; init; } = 1_000;

    /// <summary>Streams one unit of work may touch.</summary>
    public int StreamsPerSaveMax { get; init; } = 100;

    /// <summary>Events one unit of work may append.</summary>
    public int EventsPerSaveMax { get; init; } = 10_000;

    /// <summary>Units of work that may share one commit; 1 gives each a commit of its own.</summary>
    public int GroupUnitsMax { get; init; } = 64;

    /// <summary>Commits under way at the same time, each on a connection of its own.</summary>
    public int GroupsAtOnceMax { get; init; } = 2;

    /// <summary>JSON in one commit, in characters; a single unit of work may have more.</summary>
    public int GroupCharactersMax { get; init; } = 4 * 1024 * 1024;

    /// <summary>Units of work that may wait to be stored; whoever comes later waits before he may wait.</summary>
    public int UnitsWaitingMax { get; init; } = 10_000;

    /// <summary>How long the ids of commands are remembered, and so how late a repetition is still recognised.</summary>
    public TimeSpan CommandsKept { get; init; } = TimeSpan.FromDays(14);

    /// <summary>Events one bulk append may have.</summary>
    public int EventsPerImportMax { get; init; } = 1_000_000;

    /// <summary>Size of one event's JSON, in bytes.</summary>
    public int EventBytesMax { get; init; } = 1024 * 1024;

    /// <summary>How long a reader waits at a hole in the sequence before it starts to prove that the hole stays empty.</summary>
    /// <remarks>Our own writers need none; it covers the instant in which another writer (Marten) has drawn a number but no transaction id yet.</remarks>
    public TimeSpan HoleGrace { get; init; } = TimeSpan.FromMilliseconds(250);

    /// <summary>A waiting reader looks by itself this often, in case a wake-up was lost with the process that should have sent it.</summary>
    public TimeSpan PollEvery { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>Checks the options against each other.</summary>
    /// <exception cref="InvalidOperationException">Names the option that cannot be.</exception>
    public void Validate()
    {
        if (Schema.Length is 0 or > 63 || !Schema.All(c => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c) || c == '_') || char.IsAsciiDigit(Schema[0]))
        {
            throw new InvalidOperationException($"EventStore:Schema must be a lower-case identifier, not '{Schema}'");
        }

        if (StreamsPerSaveMax < 1 || EventsPerSaveMax < 1 || EventsPerImportMax < 1 || EventBytesMax < 1 || StatesCachedMax < 0)
        {
            throw new InvalidOperationException("EventStore: StreamsPerSaveMax, EventsPerSaveMax, EventsPerImportMax and EventBytesMax must be at least 1, StatesCachedMax at least 0");
        }

        if (GroupUnitsMax < 1 || GroupsAtOnceMax < 1 || GroupCharactersMax < 1 || UnitsWaitingMax < GroupUnitsMax)
        {
            throw new InvalidOperationException(
                $"EventStore: GroupUnitsMax, GroupsAtOnceMax and GroupCharactersMax must be at least 1, UnitsWaitingMax at least GroupUnitsMax ({UnitsWaitingMax}, {GroupUnitsMax})");
        }

        if (PollEvery <= TimeSpan.Zero || HoleGrace < TimeSpan.Zero)
        {
            throw new InvalidOperationException($"EventStore:PollEvery must be positive and HoleGrace not negative ({PollEvery}, {HoleGrace})");
        }
    }
}
