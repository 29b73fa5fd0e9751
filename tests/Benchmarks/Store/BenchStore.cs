using System.Text.Json;
using AgentPlatform.EventStore;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;

namespace AgentPlatform.Benchmarks.Store;

internal abstract record BenchEvent
{
    private BenchEvent()
    {
    }

    /// <summary>About 300 bytes of JSON, as in Marten's figures.</summary>
    [StoredAs("bench-noted.1")]
    public sealed record Noted(int Number, string Text) : BenchEvent;
}

internal sealed record Tally(long Sum, int Times)
{
    public static readonly StreamKind<Tally, BenchEvent> Kind = new(
        "tally", new Tally(0, 0), (tally, e) => e is BenchEvent.Noted noted ? new Tally(tally.Sum + noted.Number, tally.Times + 1) : tally);
}

/// <summary>A store on a database of its own, and beside it a table with the same columns and indexes for the baseline.</summary>
internal sealed class BenchStore : IAsyncDisposable
{
    public const string RawInsert =
        """
        insert into raw_events (seq_id, id, stream_id, version, data, type, timestamp, tenant_id, mt_dotnet_type, is_archived)
        select nextval('raw_sequence'), u.id, $1, u.version, u.body, 'bench-noted.1', $2, '*DEFAULT*', 'Bench.Noted, Bench', false
        from unnest($3, $4, $5) with ordinality as u (id, version, body, n) order by u.n
        """;

    public static readonly string Text = new('x', 270);

    private BenchStore(NpgsqlDataSource database, PostgresEventStore store) => (Database, Store) = (database, store);

    public NpgsqlDataSource Database { get; }

    public PostgresEventStore Store { get; }

    public static async Task<BenchStore> Open(BenchmarkRun run, EventStoreOptions? options = null)
    {
        options ??= new EventStoreOptions();
        var database = EventStoreSetup.DataSource(await run.NewDatabase(), options);
        await Schema.Apply(database, Schema.Events, CancellationToken.None);
        await using (var raw = database.CreateCommand(
            """
            create table raw_events (like mt_events including defaults);
            alter table raw_events add primary key (seq_id);
            create unique index on raw_events (stream_id, version);
            create sequence raw_sequence;
            insert into mt_streams (id, version) values ('tally-by-hand', 0);
            """))
        {
            await raw.ExecuteNonQueryAsync();
        }

        return new BenchStore(database, new PostgresEventStore(
            database, EventTypes.Of(typeof(BenchEvent)), options, JsonSerializerOptions.Web, new StoreSignal(database, options, NullLogger<StoreSignal>.Instance), TimeProvider.System));
    }

    public static BenchEvent Event(int number) => new BenchEvent.Noted(number, Text);

    /// <summary>The baseline: one prepared insert per append on a connection that is kept, and nothing else.</summary>
    public async Task<RawWriter> Raw()
    {
        var connection = await Database.OpenConnectionAsync();
        return new RawWriter(connection);
    }

    public async ValueTask DisposeAsync()
    {
        NpgsqlConnection.ClearPool(await Database.OpenConnectionAsync());
        await Database.DisposeAsync();
    }
}

internal sealed class RawWriter(NpgsqlConnection connection) : IAsyncDisposable
{
    private readonly NpgsqlCommand _single = new(
        """
        insert into raw_events (seq_id, id, stream_id, version, data, type, timestamp, tenant_id, mt_dotnet_type, is_archived)
        values (nextval('raw_sequence'), $1, $2, $3, $4, 'bench-noted.1', $5, '*DEFAULT*', 'Bench.Noted, Bench', false)
        """, connection);

    // What Marten's tables ask of any append: the stream's row moves on, if it is where it was expected, and the event refers to it.
    private readonly NpgsqlCommand _toStream = new(
        """
        with moved as (update mt_streams set version = version + 1, timestamp = $5 where id = $2 and version = $3 returning version)
        insert into mt_events (seq_id, id, stream_id, version, data, type, timestamp, tenant_id, mt_dotnet_type, is_archived)
        select nextval('mt_events_sequence'), $1, $2, m.version, $4, 'bench-noted.1', $5, '*DEFAULT*', 'Bench.Noted, Bench', false from moved m
        """, connection);

    private readonly NpgsqlCommand _many = new(BenchStore.RawInsert, connection);

    public async Task Append(string stream, int firstVersion, int events)
    {
        if (events == 1)
        {
            await One(_single, stream, firstVersion, firstVersion);
            return;
        }

        _many.Parameters.Clear();
        _many.Parameters.Add(new() { Value = stream });
        _many.Parameters.Add(new() { Value = TimeProvider.System.GetUtcNow(), NpgsqlDbType = NpgsqlTypes.NpgsqlDbType.TimestampTz });
        _many.Parameters.Add(new() { Value = Enumerable.Range(0, events).Select(_ => Guid.CreateVersion7()).ToArray() });
        _many.Parameters.Add(new() { Value = Enumerable.Range(firstVersion, events).Select(v => (long)v).ToArray() });
        _many.Parameters.Add(new() { Value = Enumerable.Range(firstVersion, events).Select(Json).ToArray(), NpgsqlDbType = NpgsqlTypes.NpgsqlDbType.Array | NpgsqlTypes.NpgsqlDbType.Jsonb });
        await _many.ExecuteNonQueryAsync();
    }

    /// <summary>One event to a stream that is at this version.</summary>
    public Task AppendToStream(string stream, long version, int number) => One(_toStream, stream, version, number);

    public async ValueTask DisposeAsync()
    {
        await _single.DisposeAsync();
        await _toStream.DisposeAsync();
        await _many.DisposeAsync();
        await connection.DisposeAsync();
    }

    private static async Task One(NpgsqlCommand command, string stream, long version, int number)
    {
        command.Parameters.Clear();
        command.Parameters.Add(new() { Value = Guid.CreateVersion7() });
        command.Parameters.Add(new() { Value = stream });
        command.Parameters.Add(new() { Value = version });
        command.Parameters.Add(new() { Value = Json(number), NpgsqlDbType = NpgsqlTypes.NpgsqlDbType.Jsonb });
        command.Parameters.Add(new() { Value = TimeProvider.System.GetUtcNow(), NpgsqlDbType = NpgsqlTypes.NpgsqlDbType.TimestampTz });
        if (await command.ExecuteNonQueryAsync() != 1)
        {
            throw new InvalidOperationException($"Nothing was inserted for {stream} at {version}");
        }
    }

    private static string Json(int number) => JsonSerializer.Serialize((BenchEvent.Noted)BenchStore.Event(number), EventTypes.Json);
}
