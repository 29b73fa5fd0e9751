using System.Diagnostics;
using System.Text;
using System.Text.Json;
using Npgsql;

namespace AgentPlatform.EventStore;

/// <summary>Collects a unit of work and hands it over to be stored (<see cref="GroupCommit"/>).</summary>
internal sealed class EventSession(PostgresEventStore store) : IPostgresSession
{
    private readonly List<Func<StreamAppend?>> _appends = [];
    private readonly List<Func<ViewRow?>> _views = [];
    private readonly List<NpgsqlBatchCommand> _guards = [];
    private readonly List<NpgsqlBatchCommand> _enlisted = [];
    private readonly List<SharedRow> _sharedGuards = [];
    private readonly List<SharedRow> _shared = [];
    private readonly List<Action> _afterCommit = [];

    public string? TraceParent { get; set; }

    public string? CorrelationId { get; set; }

    public string? CausationId { get; set; }

    public string? CommandId { get; set; }

    public async Task<EventStream<TState, TEvent>> FetchForWriting<TState, TEvent>(StreamKind<TState, TEvent> kind, string id, CancellationToken ct)
        where TState : class
        where TEvent : class
    {
        var (state, version) = await store.Aggregate(kind, id, ct);
        var stream = new EventStream<TState, TEvent>(kind, id, state, version);
        _appends.Add(() => stream.Pending.Count == 0 ? null : Append(stream.StreamId, kind.Name, ExpectedVersion.Exactly(version), stream.Pending));
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
            var headers = TraceHeaders(TraceParent);
            _appends.Add(() => Append(stream, type: null, expected, events) with { Headers = headers });
        }
    }

    public void StartStream(string stream, params IReadOnlyCollection<object> events) => Append(stream, ExpectedVersion.NoStream, events);

    public void Archive(string stream)
    {
        ArgumentException.ThrowIfNullOrEmpty(stream);
        Enlist(new NpgsqlBatchCommand("select mt_archive_stream($1)") { Parameters = { new() { Value = stream } } });
    }

    public void Guard(NpgsqlBatchCommand command) => _guards.Add(command);

    public void Enlist(NpgsqlBatchCommand command) => _enlisted.Add(command);

    public void Guard(SharedStatement statement, object row) => _sharedGuards.Add(new SharedRow(statement, row));

    public void Enlist(SharedStatement statement, object row) => _shared.Add(new SharedRow(statement, row));

    public void AfterCommit(Action action) => _afterCommit.Add(action);

    public async Task SaveChanges(CancellationToken ct)
    {
        List<StreamAppend> appends = [.. _appends.Select(a => a()).OfType<StreamAppend>()];
        Check(appends);
        var others = _views.Select(v => v()).OfType<ViewRow>().Select(store.Views.Upsert).Concat(_enlisted).ToList();
        if (appends.Count == 0 && others.Count == 0 && _guards.Count == 0 && _sharedGuards.Count == 0 && _shared.Count == 0 && CommandId is null)
        {
            return;
        }

        var unit = new UnitOfWork
        {
            Appends = appends,
            Guards = CommandId is { } command ? [Once(command), .. _guards] : _guards,
            Others = others,
            SharedGuards = _sharedGuards,
            Shared = _shared,
            CorrelationId = CorrelationId,
            CausationId = CausationId,
            Headers = TraceHeaders(Activity.Current?.Id),
        };
        try
        {
            await store.Commits.Commit(unit, ct);
        }
        catch (PostgresException e) when (e.ConstraintName == "ap_commands_once")
        {
            throw new DuplicateCommandException($"The command {CommandId} was handled before", e);
        }

        catch (PostgresException e) when (e.SqlState == "AP001")
        {
            // A statement of the caller's own, which keeps versions as the streams do.
            throw new StreamConflictException(e.MessageText, e);
        }

        foreach (var action in _afterCommit)
        {
            action();
        }
    }

    private static NpgsqlBatchCommand Once(string command) => new("insert into ap_commands (id) values ($1)") { Parameters = { new() { Value = command } } };

    private static string? TraceHeaders(string? traceParent) => traceParent is { } id ? $$"""{"traceparent":"{{id}}"}""" : null;

    private StreamAppend Append(string stream, string? type, ExpectedVersion expected, IReadOnlyCollection<object> events) =>
        new(stream, type, expected, [.. events.Select(ToStore)]);

    private NewEvent ToStore(object e)
    {
        var type = e.GetType();
        var json = JsonSerializer.Serialize(e, type, EventTypes.Json);
        var bytes = Encoding.UTF8.GetByteCount(json);
        return bytes <= store.Options.EventBytesMax
            ? new NewEvent(Guid.CreateVersion7(), store.Types.NameOf(type), store.Types.DotnetNameOf(type), json)
            : throw new InvalidOperationException($"An event of type {type.Name} has {bytes} bytes of JSON; the store takes {store.Options.EventBytesMax} (EventStore:EventBytesMax)");
    }

    private void Check(List<StreamAppend> appends)
    {
        var options = store.Options;
        var events = appends.Sum(a => a.Events.Count);
        if (appends.Count > options.StreamsPerSaveMax || events > options.EventsPerSaveMax)
        {
            throw new InvalidOperationException(
                $"One unit of work may touch {options.StreamsPerSaveMax} streams and append {options.EventsPerSaveMax} events; this one has {appends.Count} and {events}");
        }

        if (appends.Count > 1 && appends.GroupBy(a => a.Stream, StringComparer.Ordinal).FirstOrDefault(g => g.Count() > 1) is { } twice)
        {
            throw new InvalidOperationException($"The stream {twice.Key} is written twice in one unit of work; collect its events in one place");
        }
    }
}
