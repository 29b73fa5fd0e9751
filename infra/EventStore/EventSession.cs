using System.Diagnostics;
using System.Text.Json;
using Npgsql;
using NpgsqlTypes;

namespace AgentPlatform.EventStore;

/// <summary>A unit of work on PostgreSQL: one batch, and so one round trip and one transaction.</summary>
internal sealed class EventSession(PostgresEventStore store) : IPostgresSession
{
    private readonly List<Pending> _appends = [];
    private readonly List<Func<Pending?>> _streams = [];
    private readonly List<Func<ViewRow?>> _views = [];
    private readonly List<NpgsqlBatchCommand> _enlisted = [];
    private readonly List<Action> _afterCommit = [];

    public string? CorrelationId { get; set; }

    public string? CausationId { get; set; }

    public async Task<EventStream<TState, TEvent>> FetchForWriting<TState, TEvent>(StreamKind<TState, TEvent> kind, string id, CancellationToken ct)
        where TState : class
        where TEvent : class
    {
        var (state, version) = await store.Aggregate(kind, id, ct);
        var stream = new EventStream<TState, TEvent>(kind, id, state, version);
        _streams.Add(() => stream.Pending.Count == 0 ? null : new Pending(stream.StreamId, kind.Name, ExpectedVersion.Exactly(version), stream.Pending));
        if (kind.View is { } view)
        {
            _views.Add(() => stream.Pending.Count == 0 ? null : view(stream.State));
        }

        if (kind.Snapshots is { } policy)
        {
            NpgsqlBatchCommand? kept = null;
            stream.Appended = () =>
            {
                if (policy.IsDue(version, version + stream.Pending.Count))
                {
                    _ = kept is not null && _enlisted.Remove(kept);
                    Enlist(kept = Snapshots.Keep(policy, stream.StreamId, stream.State, version + stream.Pending.Count));
                }
            };
        }

        _afterCommit.Add(() => store.States.Remember(stream.StreamId, stream.State, version + stream.Pending.Count));
        return stream;
    }

    public void Append(string stream, ExpectedVersion expected, params IReadOnlyCollection<object> events)
    {
        ArgumentException.ThrowIfNullOrEmpty(stream);
        ArgumentNullException.ThrowIfNull(events);
        if (events.Count > 0)
        {
            _appends.Add(new Pending(stream, Type: null, expected, [.. events]));
        }
    }

    public void StartStream(string stream, params IReadOnlyCollection<object> events) => Append(stream, ExpectedVersion.NoStream, events);

    public void Archive(string stream)
    {
        ArgumentException.ThrowIfNullOrEmpty(stream);
        Enlist(new NpgsqlBatchCommand("select mt_archive_stream($1)") { Parameters = { new() { Value = stream } } });
    }

    public void Enlist(NpgsqlBatchCommand command) => _enlisted.Add(command);

    public void AfterCommit(Action action) => _afterCommit.Add(action);

    public async Task SaveChanges(CancellationToken ct)
    {
        // Sorted, so that two units of work that touch the same streams lock them in the same order.
        var appends = _appends.Concat(_streams.Select(s => s()).OfType<Pending>()).OrderBy(p => p.Stream, StringComparer.Ordinal).ToList();
        await using var batch = store.Database.CreateBatch();
        if (appends.Count > 0)
        {
            batch.BatchCommands.Add(AppendCommand(appends));
        }

        foreach (var row in _views.Select(v => v()).OfType<ViewRow>())
        {
            batch.BatchCommands.Add(store.Views.Upsert(row));
        }

        foreach (var command in _enlisted)
        {
            batch.BatchCommands.Add(command);
        }

        if (batch.BatchCommands.Count == 0)
        {
            return;
        }

        try
        {
            // A batch without an explicit transaction is one: it is sent with a single Sync, and the first error undoes all of it.
            await batch.ExecuteNonQueryAsync(ct);
        }
        catch (PostgresException e) when (e.SqlState == "AP001")
        {
            throw new StreamConflictException(e.MessageText, e);
        }
        catch (PostgresException e) when (e.SqlState == "AP002")
        {
            throw new StreamArchivedException(e.MessageText, e);
        }

        foreach (var action in _afterCommit)
        {
            action();
        }

        if (appends.Count > 0)
        {
            store.Signal.Appended();
        }
    }

    private NpgsqlBatchCommand AppendCommand(List<Pending> appends)
    {
        var options = store.Options;
        var events = appends.Sum(a => a.Events.Count);
        if (appends.Count > options.StreamsPerSaveMax || events > options.EventsPerSaveMax)
        {
            throw new InvalidOperationException(
                $"One unit of work may touch {options.StreamsPerSaveMax} streams and append {options.EventsPerSaveMax} events; this one has {appends.Count} and {events}");
        }

        if (appends.GroupBy(a => a.Stream, StringComparer.Ordinal).FirstOrDefault(g => g.Count() > 1) is { } twice)
        {
            throw new InvalidOperationException($"The stream {twice.Key} is written twice in one unit of work; collect its events in one place");
        }

        var (ids, types, dotnetTypes, bodies) = (new Guid[events], new string[events], new string?[events], new string[events]);
        var at = 0;
        foreach (var e in appends.SelectMany(a => a.Events))
        {
            var type = e.GetType();
            var body = JsonSerializer.Serialize(e, type, EventTypes.Json);
            if (body.Length > options.EventBytesMax)
            {
                throw new InvalidOperationException($"An event of type {type.Name} has {body.Length} characters of JSON; the store takes {options.EventBytesMax} (EventStore:EventBytesMax)");
            }

            (ids[at], types[at], dotnetTypes[at], bodies[at]) = (Guid.CreateVersion7(), store.Types.NameOf(type), $"{type.FullName}, {type.Assembly.GetName().Name}", body);
            at++;
        }

        return new NpgsqlBatchCommand("select ap_append_events($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)")
        {
            Parameters =
            {
                new() { Value = appends.Select(a => a.Stream).ToArray() },
                new() { Value = appends.Select(a => a.Type).ToArray(), NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Varchar },
                new() { Value = appends.Select(a => a.Expected.Value).ToArray() },
                new() { Value = appends.Select(a => a.Events.Count).ToArray() },
                new() { Value = ids },
                new() { Value = types },
                new() { Value = dotnetTypes, NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Varchar },
                new() { Value = bodies, NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Jsonb },
                new() { Value = (object?)CorrelationId ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Varchar },
                new() { Value = (object?)CausationId ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Varchar },
                new() { Value = (object?)TraceHeaders() ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Jsonb },
                new() { Value = store.Time.GetUtcNow(), NpgsqlDbType = NpgsqlDbType.TimestampTz },
            },
        };
    }

    private static string? TraceHeaders() => Activity.Current?.Id is { } id ? $$"""{"traceparent":"{{id}}"}""" : null;

    private sealed record Pending(string Stream, string? Type, ExpectedVersion Expected, IReadOnlyList<object> Events);
}
