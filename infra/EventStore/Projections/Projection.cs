namespace AgentPlatform.EventStore;

/// <summary>
/// Rows made from events after the events were stored: lists across streams, counts, whatever one would not let a writer wait for. Run by
/// <see cref="ProjectionDaemon"/>, each event once, in the order of the store.
/// </summary>
/// <remarks>
/// The rows and the position are stored in one transaction, so an event takes effect once whoever dies when. <see cref="Apply"/> itself may be called again for
/// the same events (after a crash, a conflict, or to find out which event of a batch is the poisonous one): it has no effect but the changes it asks for.
/// A parked event that is retried comes later than its order; a projection that cannot bear that is rebuilt instead.
/// </remarks>
public abstract class Projection
{
    /// <summary>Never changes: it names the progress (<c>mt_event_progression.name</c> is <c>&lt;Name&gt;:All</c>). For example <c>ToolUsage</c>.</summary>
    public abstract string Name { get; }

    /// <summary>Raised whenever the rows would come out differently from the same events; the daemon then builds them anew beside the old ones.</summary>
    public abstract int Version { get; }

    /// <summary>The lists of <c>ap_views</c> that belong to this projection and to nobody else.</summary>
    public virtual IReadOnlyList<string> Views => [];

    /// <summary>Tables of its own, made by DDL of the service; <see cref="ProjectionBatch.Table"/> tells which one to write to.</summary>
    public virtual IReadOnlyList<string> Tables => [];

    /// <summary>Names of the kinds of streams it reads (<see cref="StreamKind{TState,TEvent}.Name"/>); every stream when empty.</summary>
    /// <remarks>An event of these streams whose type nobody knows is parked: it may be one that matters.</remarks>
    public virtual IReadOnlyList<string> Kinds => [];

    /// <summary>Whether it wants events of this type; asked after old shapes became new ones.</summary>
    /// <param name="type">The .NET type of an event.</param>
    public virtual bool Wants(Type type) => true;

    /// <summary>Turns events into changes of rows.</summary>
    /// <param name="events">Ascending, at least one.</param>
    /// <param name="batch">Reads rows as they are before or after the changes so far, and takes changes.</param>
    /// <param name="ct">Cancels.</param>
    public abstract Task Apply(IReadOnlyList<ProjectedEvent> events, ProjectionBatch batch, CancellationToken ct);
}

/// <summary>An event with where and when it was stored.</summary>
/// <param name="Stored">As it stands in the store.</param>
/// <param name="Event">Its .NET form.</param>
public sealed record ProjectedEvent(StoredEvent Stored, object Event);
