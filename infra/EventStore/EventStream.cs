namespace AgentPlatform.EventStore;

/// <summary>A stream loaded for a decision. Appends are collected and stored by the session, at the version that was loaded.</summary>
/// <typeparam name="TState">The state.</typeparam>
/// <typeparam name="TEvent">Its events.</typeparam>
public sealed class EventStream<TState, TEvent>
    where TState : class
    where TEvent : class
{
    private readonly List<object> _pending = [];

    internal EventStream(StreamKind<TState, TEvent> kind, string id, TState state, long version)
    {
        Kind = kind;
        StreamId = kind.StreamId(id);
        State = state;
        Version = version;
    }

    /// <summary>The whole stream id.</summary>
    public string StreamId { get; }

    /// <summary>The state, with what was appended here folded in.</summary>
    public TState State { get; private set; }

    /// <summary>The version that was loaded; 0 when there is no stream yet.</summary>
    public long Version { get; }

    internal StreamKind<TState, TEvent> Kind { get; }

    internal IReadOnlyList<object> Pending => _pending;

    /// <summary>Called after every append, with what is pending folded in.</summary>
    internal Action? Appended { get; set; }

    /// <summary>Adds events and folds them into <see cref="State"/>.</summary>
    /// <param name="events">The events, oldest first.</param>
    public void Append(params IReadOnlyCollection<TEvent> events)
    {
        ArgumentNullException.ThrowIfNull(events);
        foreach (var e in events)
        {
            _pending.Add(e);
            State = Kind.Evolve(State, e);
        }

        Appended?.Invoke();
    }
}
