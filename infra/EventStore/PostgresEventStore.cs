using System.Runtime.CompilerServices;
using System.Text.Json;
using Npgsql;

namespace AgentPlatform.EventStore;

/// <summary>The event store on PostgreSQL.</summary>
public sealed class PostgresEventStore : IEventStore
{
    internal const string Columns = "seq_id, id, stream_id, version, type, timestamp, correlation_id, causation_id, data";

    /// <summary>Opens a store over a database whose schema is in place (<see cref="Schema.Apply"/>).</summary>
    /// <param name="database">Connections whose search path is the store's schema.</param>
    /// <param name="types">The events this service knows.</param>
    /// <param name="options">Bounds.</param>
    /// <param name="viewJson">How views are written and read.</param>
    /// <param name="signal">Wakes readers.</param>
    /// <param name="time">The clock of stored events.</param>
    public PostgresEventStore(
        NpgsqlDataSource database, EventTypes types, EventStoreOptions options, JsonSerializerOptions viewJson, StoreSignal signal, TimeProvider time)
    {
        ArgumentNullException.ThrowIfNull(options);
        options.Validate();
        (Database, Types, Options, Signal, Time) = (database, types, options, signal, time);
        Views = new Views(database, viewJson);
        States = new StateCache(options.StatesCachedMax);
        Commits = new GroupCommit(new StoreGroup(database, signal, time), options);
        HighWater = new HighWater(database, options.HoleGrace, time);
    }

    /// <summary>The database behind the store, for tables of one's own that belong into the same transaction.</summary>
    public NpgsqlDataSource Database { get; }

    /// <summary>Rows kept by inline projections.</summary>
    public Views Views { get; }

    /// <summary>Up to where everything is decided.</summary>
    public HighWater HighWater { get; }

    /// <summary>Wakes waiting readers after appends, of this process and of others.</summary>
    public StoreSignal Signal { get; }

    IStoreSignal IEventStore.Signal => Signal;

    IViews IEventStore.Views => Views;

    internal EventTypes Types { get; }

    internal EventStoreOptions Options { get; }

    internal TimeProvider Time { get; }

    internal GroupCommit Commits { get; }

    internal StateCache States { get; }

    /// <summary>Begins a unit of work, which statements of one's own can be part of.</summary>
    public IPostgresSession Open() => new EventSession(this);

    IEventSession IEventStore.Open() => Open();

    /// <inheritdoc/>
    public object Open(StoredEvent stored)
    {
        ArgumentNullException.ThrowIfNull(stored);
        return Types.Read(stored.Type, stored.Json.Span);
    }

    /// <inheritdoc/>
    public async Task<(TState State, long Version)> Aggregate<TState, TEvent>(StreamKind<TState, TEvent> kind, string id, CancellationToken ct)
        where TState : class
        where TEvent : class
    {
        ArgumentNullException.ThrowIfNull(kind);
        var stream = kind.StreamId(id);
        var (state, version) = States.Find(stream) is { State: TState known } cached ? (known, cached.Version)
            : kind.Snapshots is { } policy && await Snapshots.Find<TState>(Database, policy, stream, ct) is { } kept ? kept
            : (kind.Initial, 0);
        var read = version;
        await foreach (var (at, e) in ReadEvents(stream, version, ct))
        {
            (state, version) = (kind.Evolve(state, (TEvent)e), at);
        }

        if (version > read)
        {
            States.Remember(stream, state, version);
        }

        return (state, version);
    }

    /// <inheritdoc/>
    public async IAsyncEnumerable<StoredEvent> ReadStream(string stream, long afterVersion, [EnumeratorCancellation] CancellationToken ct)
    {
        await using var command = Database.CreateCommand($"select {Columns} from mt_events where stream_id = $1 and version > $2 order by version");
        command.Parameters.Add(new() { Value = stream });
        command.Parameters.Add(new() { Value = afterVersion });
        await using var reader = await command.ExecuteReaderAsync(ct);
        while (await reader.ReadAsync(ct))
        {
            yield return Row(reader);
        }
    }

    /// <inheritdoc/>
    public async Task<CommittedPage> ReadCommitted(long after, int limit, IReadOnlyCollection<string>? streams, CancellationToken ct)
    {
        var highWater = await HighWater.Advance(ct);
        if (highWater <= after)
        {
            return new CommittedPage([], after, More: false);
        }

        await using var command = Database.CreateCommand(
            $"""
            select {Columns} from mt_events
            where seq_id > $1 and seq_id <= $2 {(streams is null ? string.Empty : "and stream_id = any($4)")}
            order by seq_id limit $3
            """);
        command.Parameters.Add(new() { Value = after });
        command.Parameters.Add(new() { Value = highWater });
        command.Parameters.Add(new() { Value = limit });
        if (streams is not null)
        {
            command.Parameters.Add(new() { Value = streams.ToArray() });
        }

        var rows = new List<StoredEvent>();
        await using var reader = await command.ExecuteReaderAsync(ct);
        while (await reader.ReadAsync(ct))
        {
            rows.Add(Row(reader));
        }

        return rows.Count == limit ? new CommittedPage(rows, rows[^1].Sequence, More: true) : new CommittedPage(rows, highWater, More: false);
    }

    /// <inheritdoc/>
    public Task Import(IReadOnlyCollection<StreamImport> streams, string? correlation, string? causation, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(streams);
        return streams.Count == 0 ? Task.CompletedTask : new BulkAppend(this).Run(streams, correlation, causation, ct);
    }

    internal static StoredEvent Row(NpgsqlDataReader reader) =>
        new(
            reader.GetInt64(0),
            reader.GetGuid(1),
            reader.GetString(2),
            reader.GetInt64(3),
            reader.GetString(4),
            reader.GetFieldValue<DateTimeOffset>(5),
            reader.IsDBNull(6) ? null : reader.GetString(6),
            reader.IsDBNull(7) ? null : reader.GetString(7),
            reader.GetFieldValue<byte[]>(8));

    private async IAsyncEnumerable<(long Version, object Event)> ReadEvents(string stream, long afterVersion, [EnumeratorCancellation] CancellationToken ct)
    {
        await using var command = Database.CreateCommand("select version, type, data from mt_events where stream_id = $1 and version > $2 order by version");
        command.Parameters.Add(new() { Value = stream });
        command.Parameters.Add(new() { Value = afterVersion });
        await using var reader = await command.ExecuteReaderAsync(ct);
        using var row = new EventRow(Types);
        while (await reader.ReadAsync(ct))
        {
            yield return (reader.GetInt64(0), row.Read(reader));
        }
    }
}
