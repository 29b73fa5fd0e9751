using Npgsql;

namespace AgentPlatform.EventStore;

/// <summary>Reads what one projection wants, never past the high-water mark, bounded by number and by size.</summary>
internal sealed class ProjectionReader(Projection projection, PostgresEventStore store, ProjectionOptions options)
{
    private readonly string[] _streams = [.. projection.Kinds.Select(kind => kind.Replace("\\", "\\\\").Replace("%", "\\%").Replace("_", "\\_") + "-%")];

    /// <summary>What comes after a position, opened.</summary>
    /// <param name="after">Begin after this sequence.</param>
    /// <param name="upTo">Not past this one, which is decided.</param>
    /// <param name="ct">Cancels.</param>
    public async Task<ProjectionPage> Read(long after, long upTo, CancellationToken ct)
    {
        if (upTo <= after)
        {
            return new ProjectionPage([], after, More: false);
        }

        await using var command = store.Database.CreateCommand(
            $"""
            select {PostgresEventStore.Columns} from mt_events
            where seq_id > $1 and seq_id <= $2 {(_streams.Length == 0 ? string.Empty : "and stream_id like any($4)")}
            order by seq_id limit $3
            """);
        command.Parameters.Add(new() { Value = after });
        command.Parameters.Add(new() { Value = upTo });
        command.Parameters.Add(new() { Value = options.BatchEventsMax });
        if (_streams.Length > 0)
        {
            command.Parameters.Add(new() { Value = _streams });
        }

        var rows = new List<StoredEvent>();
        var bytes = 0L;
        await using var reader = await command.ExecuteReaderAsync(ct);
        while (await reader.ReadAsync(ct))
        {
            var row = PostgresEventStore.Row(reader);
            bytes += row.Json.Length;
            if (rows.Count > 0 && bytes > options.BatchBytesMax)
            {
                return new ProjectionPage(Open(rows), rows[^1].Sequence, More: true);
            }

            rows.Add(row);
        }

        return rows.Count == options.BatchEventsMax ? new ProjectionPage(Open(rows), rows[^1].Sequence, More: true) : new ProjectionPage(Open(rows), upTo, More: false);
    }

    /// <summary>One event, or null when it is not there any more.</summary>
    public async Task<ProjectionItem?> Find(long sequence, CancellationToken ct)
    {
        await using var command = store.Database.CreateCommand($"select {PostgresEventStore.Columns} from mt_events where seq_id = $1");
        command.Parameters.Add(new() { Value = sequence });
        await using var reader = await command.ExecuteReaderAsync(ct);
        return await reader.ReadAsync(ct) ? Open(PostgresEventStore.Row(reader)) : null;
    }

    private List<ProjectionItem> Open(List<StoredEvent> rows) => [.. rows.Select(Open).Where(item => item.Event is null || projection.Wants(item.Event.GetType()))];

    private ProjectionItem Open(StoredEvent stored)
    {
        try
        {
            return new ProjectionItem(stored, store.Open(stored), Broken: null);
        }
        catch (Exception e)
        {
            // Whatever an upcaster or a converter throws: this event cannot be read, and it is parked with the cause.
            return new ProjectionItem(stored, Event: null, Broken: e);
        }
    }
}

/// <summary>Events, and up to where nothing else is wanted.</summary>
internal sealed record ProjectionPage(IReadOnlyList<ProjectionItem> Items, long Position, bool More);

/// <summary>A wanted event, or why it cannot be read.</summary>
internal sealed record ProjectionItem(StoredEvent Stored, object? Event, Exception? Broken);
