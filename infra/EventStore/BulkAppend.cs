using System.Text.Json;
using Npgsql;
using NpgsqlTypes;

namespace AgentPlatform.EventStore;

/// <summary>Appends to any number of streams in one transaction, the events by binary <c>COPY</c>.</summary>
/// <remarks>
/// One statement adds to or begins all streams, in the order of their ids as every other writer does, so that two writers do not wait for each other in a
/// circle; the versions it returns are checked, and only then positions are drawn, all at once. A conflict undoes everything and leaves no hole.
/// </remarks>
internal sealed class BulkAppend(PostgresEventStore store)
{
    public async Task Run(IReadOnlyCollection<StreamImport> streams, string? correlation, string? causation, CancellationToken ct)
    {
        Check(streams);
        var sorted = streams.OrderBy(s => s.Stream, StringComparer.Ordinal).ToList();
        var now = store.Time.GetUtcNow();
        await using var connection = await store.Database.OpenConnectionAsync(ct);
        await using var transaction = await connection.BeginTransactionAsync(ct);
        var begins = await Lengthen(connection, sorted, now, ct);
        var positions = await Draw(connection, streams.Sum(s => s.Events.Count), ct);
        await using (var copy = await connection.BeginBinaryImportAsync(
            "copy mt_events (seq_id, id, stream_id, version, data, type, timestamp, tenant_id, mt_dotnet_type, correlation_id, causation_id, is_archived) from stdin (format binary)", ct))
        {
            // In the order of the call, so that readers see the streams one after the other as they were given.
            var at = 0;
            foreach (var stream in streams)
            {
                var version = begins[stream.Stream];
                foreach (var e in stream.Events)
                {
                    await Row(copy, positions[at++], stream.Stream, ++version, e, now, correlation, causation, ct);
                }
            }

            await copy.CompleteAsync(ct);
        }

        await transaction.CommitAsync(ct);
        store.Signal.Appended();
    }

    private void Check(IReadOnlyCollection<StreamImport> streams)
    {
        var events = streams.Sum(s => (long)s.Events.Count);
        if (events > store.Options.EventsPerImportMax)
        {
            throw new InvalidOperationException($"One bulk append may have {store.Options.EventsPerImportMax} events (EventStore:EventsPerImportMax); this one has {events}");
        }

        if (streams.FirstOrDefault(s => string.IsNullOrEmpty(s.Stream) || s.Events.Count == 0) is { } empty)
        {
            throw new InvalidOperationException($"The stream '{empty.Stream}' of a bulk append has no id or no events");
        }

        if (streams.GroupBy(s => s.Stream, StringComparer.Ordinal).FirstOrDefault(g => g.Count() > 1) is { } twice)
        {
            throw new InvalidOperationException($"The stream {twice.Key} is written twice in one bulk append; collect its events in one place");
        }
    }

    // The version before, by stream. xmax tells a row that was there from one that this statement inserted.
    private static async Task<Dictionary<string, long>> Lengthen(NpgsqlConnection connection, List<StreamImport> sorted, DateTimeOffset now, CancellationToken ct)
    {
        await using var command = new NpgsqlCommand(
            """
            insert into mt_streams as s (id, type, version, timestamp, created, tenant_id, is_archived)
            select u.id, u.type, u.count, $4, $4, '*DEFAULT*', false
            from (select * from unnest($1, $2, $3) with ordinality as u (id, type, count, n) order by n) u
            on conflict (id) do update set version = coalesce(s.version, 0) + excluded.version, timestamp = excluded.timestamp
            returning s.id, s.version, coalesce(s.is_archived, false), s.xmax = 0
            """, connection);
        command.Parameters.Add(new() { Value = sorted.ConvertAll(s => s.Stream), NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Varchar });
        command.Parameters.Add(new() { Value = sorted.ConvertAll(s => s.Kind), NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Varchar });
        command.Parameters.Add(new() { Value = sorted.ConvertAll(s => (long)s.Events.Count), NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Bigint });
        command.Parameters.Add(new() { Value = now, NpgsqlDbType = NpgsqlDbType.TimestampTz });
        var found = new Dictionary<string, (long Version, bool IsArchived, bool IsNew)>(StringComparer.Ordinal);
        await using (var reader = await command.ExecuteReaderAsync(ct))
        {
            while (await reader.ReadAsync(ct))
            {
                found[reader.GetString(0)] = (reader.GetInt64(1), reader.GetBoolean(2), reader.GetBoolean(3));
            }
        }

        foreach (var (stream, expected, events) in sorted)
        {
            Refuse(stream, expected.Value, found[stream] with { Version = found[stream].Version - events.Count });
        }

        return sorted.ToDictionary(s => s.Stream, s => found[s.Stream].Version - s.Events.Count, StringComparer.Ordinal);
    }

    // The same refusals in the same words as ap_append_events.
    private static void Refuse(string stream, long expected, (long Version, bool IsArchived, bool IsNew) found)
    {
        if (found.IsNew ? expected > 0 : expected == 0)
        {
            throw new StreamConflictException(found.IsNew ? $"stream {stream} was expected at version {expected} and does not exist" : $"stream {stream} exists already");
        }

        if (found.IsArchived)
        {
            throw new StreamArchivedException($"stream {stream} is archived");
        }

        if (expected > 0 && found.Version != expected)
        {
            throw new StreamConflictException($"stream {stream} was expected at version {expected} and is at {found.Version}");
        }
    }

    private static async Task<long[]> Draw(NpgsqlConnection connection, int count, CancellationToken ct)
    {
        await using var command = new NpgsqlCommand("select array_agg(p order by p) from (select nextval('mt_events_sequence') as p from generate_series(1, $1)) drawn", connection);
        command.Parameters.Add(new() { Value = count });
        return await command.ExecuteScalarAsync(ct) as long[] ?? [];
    }

    private async Task Row(
        NpgsqlBinaryImporter copy, long position, string stream, long version, object e, DateTimeOffset now, string? correlation, string? causation, CancellationToken ct)
    {
        var type = e.GetType();
        var json = JsonSerializer.SerializeToUtf8Bytes(e, type, EventTypes.Json);
        if (json.Length > store.Options.EventBytesMax)
        {
            throw new InvalidOperationException($"An event of type {type.Name} has {json.Length} bytes of JSON; the store takes {store.Options.EventBytesMax} (EventStore:EventBytesMax)");
        }

        await copy.StartRowAsync(ct);
        await copy.WriteAsync(position, NpgsqlDbType.Bigint, ct);
        await copy.WriteAsync(Guid.CreateVersion7(), NpgsqlDbType.Uuid, ct);
        await copy.WriteAsync(stream, NpgsqlDbType.Varchar, ct);
        await copy.WriteAsync(version, NpgsqlDbType.Bigint, ct);
        await copy.WriteAsync(json, NpgsqlDbType.Jsonb, ct);
        await copy.WriteAsync(store.Types.NameOf(type), NpgsqlDbType.Varchar, ct);
        await copy.WriteAsync(now, NpgsqlDbType.TimestampTz, ct);
        await copy.WriteAsync("*DEFAULT*", NpgsqlDbType.Varchar, ct);
        await copy.WriteAsync($"{type.FullName}, {type.Assembly.GetName().Name}", NpgsqlDbType.Varchar, ct);
        await Text(correlation);
        await Text(causation);
        await copy.WriteAsync(false, NpgsqlDbType.Boolean, ct);

        Task Text(string? value) => value is null ? copy.WriteNullAsync(ct) : copy.WriteAsync(value, NpgsqlDbType.Varchar, ct);
    }
}
