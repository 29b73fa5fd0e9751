namespace AgentPlatform.EventStore;

/// <summary>
/// Streams of events with Marten's meanings: what every backend does in the same way, held by one compliance suite. What belongs to PostgreSQL alone
/// (statements of one's own in the transaction, the database, the high-water mark) is on <see cref="PostgresEventStore"/>.
/// </summary>
public interface IEventStore
{
    /// <summary>Begins a unit of work: everything in it is stored together or not at all.</summary>
    IEventSession Open();

    /// <summary>Folds a stream into its state and tells its version; the initial state and 0 when there is none.</summary>
    /// <typeparam name="TState">The state.</typeparam>
    /// <typeparam name="TEvent">Its events.</typeparam>
    /// <param name="kind">The kind of stream.</param>
    /// <param name="id">The thing's id, without the kind.</param>
    /// <param name="ct">Cancels the read.</param>
    Task<(TState State, long Version)> Aggregate<TState, TEvent>(StreamKind<TState, TEvent> kind, string id, CancellationToken ct)
        where TState : class
        where TEvent : class;

    /// <summary>Reads a stream, oldest first, row by row.</summary>
    /// <param name="stream">The whole stream id.</param>
    /// <param name="afterVersion">Begin after this version; 0 for all.</param>
    /// <param name="ct">Cancels the read.</param>
    IAsyncEnumerable<StoredEvent> ReadStream(string stream, long afterVersion, CancellationToken ct);

    /// <summary>Reads committed events in store order, only what is decided: whoever goes on after the last one skips nothing and repeats nothing.</summary>
    /// <param name="after">Begin after this sequence.</param>
    /// <param name="limit">At most this many.</param>
    /// <param name="streams">Only these whole stream ids; every stream when null.</param>
    /// <param name="ct">Cancels the read.</param>
    Task<CommittedPage> ReadCommitted(long after, int limit, IReadOnlyCollection<string>? streams, CancellationToken ct);

    /// <summary>Appends to any number of streams at once, for imports: all of it or nothing. Readers see the streams in the order given. Views are not written.</summary>
    /// <param name="streams">Each stream once.</param>
    /// <param name="correlation">Stored with every event.</param>
    /// <param name="causation">Stored with every event.</param>
    /// <param name="ct">Cancels; the outcome is then unknown unless it throws a typed error.</param>
    /// <exception cref="StreamConflictException">A stream is not as expected; nothing was stored and no position was drawn.</exception>
    /// <exception cref="StreamArchivedException">A stream is archived; nothing was stored and no position was drawn.</exception>
    Task Import(IReadOnlyCollection<StreamImport> streams, string? correlation, string? causation, CancellationToken ct);

    /// <summary>Turns a stored event into its .NET form.</summary>
    /// <param name="stored">The stored event.</param>
    object Open(StoredEvent stored);

    /// <summary>Wakes waiting readers after appends, of this process and of others.</summary>
    IStoreSignal Signal { get; }

    /// <summary>Rows kept by inline projections.</summary>
    IViews Views { get; }
}

/// <summary>A unit of work over streams and their views: stored together or not at all.</summary>
public interface IEventSession
{
    /// <summary>Stored with every event: what it belongs to, for example a run.</summary>
    string? CorrelationId { get; set; }

    /// <summary>Stored with every event: the message that caused it.</summary>
    string? CausationId { get; set; }

    /// <summary>
    /// The caller's own id of what is done here, for example an idempotency key: a second unit of work with the same id is refused. Null for none.
    /// </summary>
    string? CommandId { get; set; }

    /// <summary>Loads a stream for a decision; what is appended through it expects the version seen here.</summary>
    /// <typeparam name="TState">The state.</typeparam>
    /// <typeparam name="TEvent">Its events.</typeparam>
    /// <param name="kind">The kind of stream.</param>
    /// <param name="id">The thing's id, without the kind.</param>
    /// <param name="ct">Cancels the read.</param>
    Task<EventStream<TState, TEvent>> FetchForWriting<TState, TEvent>(StreamKind<TState, TEvent> kind, string id, CancellationToken ct)
        where TState : class
        where TEvent : class;

    /// <summary>Appends to a stream by its whole id.</summary>
    /// <param name="stream">The stream id.</param>
    /// <param name="expected">What must be true of the stream.</param>
    /// <param name="events">The events, oldest first.</param>
    void Append(string stream, ExpectedVersion expected, params IReadOnlyCollection<object> events);

    /// <summary>Starts a stream that must not exist.</summary>
    /// <param name="stream">The stream id.</param>
    /// <param name="events">The events, oldest first.</param>
    void StartStream(string stream, params IReadOnlyCollection<object> events);

    /// <summary>Closes a stream for good, after what this unit of work appends to it; it takes no more events and is read as before.</summary>
    /// <param name="stream">The stream id; archiving a stream that is not there does nothing.</param>
    void Archive(string stream);

    /// <summary>Runs after the commit, in this process only; a hint such as waking a relay, never an effect.</summary>
    /// <param name="action">Must not throw.</param>
    void AfterCommit(Action action);

    /// <summary>Stores everything, on PostgreSQL in one round trip.</summary>
    /// <param name="ct">Cancels; the outcome is then unknown unless it throws a typed error.</param>
    /// <exception cref="StreamConflictException">A stream moved; nothing was stored.</exception>
    /// <exception cref="DuplicateCommandException">The command was handled before; nothing was stored.</exception>
    /// <exception cref="StreamArchivedException">A stream is archived; nothing was stored.</exception>
    Task SaveChanges(CancellationToken ct);
}
