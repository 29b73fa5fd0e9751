namespace AgentPlatform.EventStore;

/// <summary>When a folded state is kept beside its stream, so that a long stream need not be read from its first event.</summary>
/// <remarks>
/// A snapshot is a copy: whatever is wrong with it, the events count. It is used only while it was made by the same <see cref="StateVersion"/> and the state
/// has the same shape as JSON; what it cannot notice is an <c>Evolve</c> that means something else, so raise the version with it.
/// </remarks>
public sealed record SnapshotPolicy
{
    /// <summary>Events from one snapshot to the next; at least 1.</summary>
    public int EventsBetween { get; init; } = 500;

    /// <summary>Raised whenever the same events fold to another state than before.</summary>
    public required int StateVersion { get; init; }

    /// <summary>Checks the policy.</summary>
    /// <exception cref="InvalidOperationException">Names what cannot be.</exception>
    public void Validate()
    {
        if (EventsBetween < 1)
        {
            throw new InvalidOperationException($"SnapshotPolicy.EventsBetween must be at least 1, not {EventsBetween}");
        }
    }

    internal bool IsDue(long loaded, long now) => now / EventsBetween > loaded / EventsBetween;
}
