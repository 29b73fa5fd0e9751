namespace AgentPlatform.EventStore;

/// <summary>An event as it stands in the store.</summary>
/// <param name="Sequence">Position in the whole store (<c>mt_events.seq_id</c>).</param>
/// <param name="Id">Its own id.</param>
/// <param name="Stream">Its stream.</param>
/// <param name="Version">Its version in the stream, from 1.</param>
/// <param name="Type">The stored type name.</param>
/// <param name="At">When it was stored, by the writer's clock.</param>
/// <param name="Correlation">What it belongs to, for example a run.</param>
/// <param name="Causation">The message that caused it.</param>
/// <param name="Json">The event's JSON as the database holds it, UTF-8.</param>
public sealed record StoredEvent(
    long Sequence,
    Guid Id,
    string Stream,
    long Version,
    string Type,
    DateTimeOffset At,
    string? Correlation,
    string? Causation,
    ReadOnlyMemory<byte> Json);

/// <summary>What must be true of a stream for an append to go through.</summary>
/// <param name="Value">-1 any version, 0 no stream yet, else exactly this version.</param>
public readonly record struct ExpectedVersion(long Value)
{
    /// <summary>Whatever is there; a stream is started if there is none.</summary>
    public static ExpectedVersion Any => new(-1);

    /// <summary>The stream must not exist.</summary>
    public static ExpectedVersion NoStream => new(0);

    /// <summary>The stream must be at this version.</summary>
    /// <param name="version">0 means <see cref="NoStream"/>.</param>
    public static ExpectedVersion Exactly(long version) =>
        version >= 0 ? new ExpectedVersion(version) : throw new ArgumentOutOfRangeException(nameof(version), version, "A version is not negative");
}

/// <summary>A page of events that are certain: committed, in the order of their sequence, without a hole that could still fill.</summary>
/// <param name="Events">Ascending by sequence.</param>
/// <param name="HighWater">Everything up to here is decided; the next page begins after it.</param>
/// <param name="More">Whether another page is there at once.</param>
public sealed record CommittedPage(IReadOnlyList<StoredEvent> Events, long HighWater, bool More);
