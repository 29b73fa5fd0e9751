using Npgsql;

namespace AgentPlatform.EventStore;

/// <summary>Streams of events with Marten's tables and meanings; see <c>README.md</c> for what is promised.</summary>
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

    /// <summary>Up to where everything is decided.</summary>
    HighWater HighWater { get; }

    /// <summary>Turns a stored event into its .NET form.</summary>
    /// <param name="stored">The stored event.</param>
    object Open(StoredEvent stored);

    /// <summary>Wakes waiting readers after appends, of this process and of others.</summary>
    StoreSignal Signal { get; }

    /// <summary>Rows kept by inline projections.</summary>
    Views Views { get; }

    /// <summary>The database behind the store, for tables of one's own that belong into the same transaction.</summary>
    NpgsqlDataSource Database { get; }
}

/// <summary>A unit of work over streams, views and whatever else is enlisted: one round trip, one transaction.</summary>
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

    /// <summary>Adds a statement of one's own to the transaction, after the events.</summary>
    /// <param name="command">Positional parameters only; its rows are not read.</param>
    void Enlist(NpgsqlBatchCommand command);

    /// <summary>Adds a statement that runs before the events get their positions; it gives no rows, and when it fails nothing is stored and no hole is left.</summary>
    /// <param name="command">Positional parameters only; for example an insert that fails when the same thing was done before.</param>
    void Guard(NpgsqlBatchCommand command);

    /// <summary>Runs after the commit, in this process only; a hint such as waking a relay, never an effect.</summary>
    /// <param name="action">Must not throw.</param>
    void AfterCommit(Action action);

    /// <summary>Stores everything in one round trip.</summary>
    /// <param name="ct">Cancels; the outcome is then unknown unless it throws a typed error.</param>
    /// <exception cref="StreamConflictException">A stream moved; nothing was stored.</exception>
    /// <exception cref="DuplicateCommandException">The command was handled before; nothing was stored.</exception>
    /// <exception cref="StreamArchivedException">A stream is archived; nothing was stored.</exception>
    Task SaveChanges(CancellationToken ct);
}
