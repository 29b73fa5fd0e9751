namespace AgentPlatform.EventStore;

/// <summary>A kind of stream: how its id is made, how its events fold into a state, and which view of the state is kept for queries.</summary>
/// <typeparam name="TState">Immutable state; it is cached and shared.</typeparam>
/// <typeparam name="TEvent">The closed list of its events.</typeparam>
/// <param name="name">For example <c>run</c>; first part of the stream id and <c>mt_streams.type</c>.</param>
/// <param name="initial">The state before the first event.</param>
/// <param name="evolve">Total: a fact already happened, it is never refused.</param>
/// <param name="view">The inline projection written in the same transaction as the events; none when absent.</param>
/// <param name="snapshots">When the state is kept beside the stream; never when absent.</param>
public sealed class StreamKind<TState, TEvent>(
    string name, TState initial, Func<TState, TEvent, TState> evolve, Func<TState, ViewRow?>? view = null, SnapshotPolicy? snapshots = null)
    where TState : class
    where TEvent : class
{
    /// <summary>For example <c>run</c>.</summary>
    public string Name { get; } = name;

    /// <summary>The state before the first event.</summary>
    public TState Initial { get; } = initial;

    /// <summary>Folds one event into a state.</summary>
    public Func<TState, TEvent, TState> Evolve { get; } = evolve;

    /// <summary>Makes the row that queries read, or null for none.</summary>
    public Func<TState, ViewRow?>? View { get; } = view;

    /// <summary>When the state is kept beside the stream, or null for never.</summary>
    public SnapshotPolicy? Snapshots { get; } = Valid(snapshots);

    /// <summary>The stream id of one thing of this kind.</summary>
    /// <param name="id">For example a UUID.</param>
    public string StreamId(string id) => $"{Name}-{id}";

    private static SnapshotPolicy? Valid(SnapshotPolicy? policy)
    {
        policy?.Validate();
        return policy;
    }
}

/// <summary>A row that an inline projection keeps beside the stream (<c>ap_views</c>).</summary>
/// <param name="Kind">Which list it stands in.</param>
/// <param name="Id">Unique within the list.</param>
/// <param name="Sort">Lists are ordered by this text and then the id.</param>
/// <param name="Tag">For filtering, for example a state; null for none.</param>
/// <param name="Data">Serialised with the contract rules of the caller.</param>
public sealed record ViewRow(string Kind, string Id, string Sort, string? Tag, object Data);
