using AgentPlatform.EventStore;

namespace AgentPlatform.Testing.EventStores;

/// <summary>A unit of work on <see cref="InMemoryEventStore"/>.</summary>
internal sealed class InMemorySession(InMemoryEventStore store, StreamMemory memory) : IEventSession
{
    private readonly List<Pending> _appends = [];
    private readonly List<Func<Pending?>> _streams = [];
    private readonly List<Func<ViewRow?>> _views = [];
    private readonly List<string> _archived = [];
    private readonly List<Action> _afterCommit = [];

    public string? CorrelationId { get; set; }

    public string? CausationId { get; set; }

    public string? CommandId { get; set; }

    public async Task<EventStream<TState, TEvent>> FetchForWriting<TState, TEvent>(StreamKind<TState, TEvent> kind, string id, CancellationToken ct)
        where TState : class
        where TEvent : class
    {
        var (state, version) = await store.Aggregate(kind, id, ct);
        var stream = new EventStream<TState, TEvent>(kind, id, state, version);
        _streams.Add(() => stream.Pending.Count == 0 ? null : new Pending(stream.StreamId, ExpectedVersion.Exactly(version), stream.Pending));
        if (kind.View is { } view)
        {
            _views.Add(() => stream.Pending.Count == 0 ? null : view(stream.State));
        }

        return stream;
    }

    public void Append(string stream, ExpectedVersion expected, params IReadOnlyCollection<object> events)
    {
        ArgumentException.ThrowIfNullOrEmpty(stream);
        if (events.Count > 0)
        {
            _appends.Add(new Pending(stream, expected, [.. events]));
        }
    }

    public void StartStream(string stream, params IReadOnlyCollection<object> events) => Append(stream, ExpectedVersion.NoStream, events);

    public void Archive(string stream)
    {
        ArgumentException.ThrowIfNullOrEmpty(stream);
        _archived.Add(stream);
    }

    public void AfterCommit(Action action) => _afterCommit.Add(action);

    public Task SaveChanges(CancellationToken ct)
    {
        ct.ThrowIfCancellationRequested();
        var appends = _appends.Concat(_streams.Select(s => s()).OfType<Pending>()).OrderBy(p => p.Stream, StringComparer.Ordinal).ToList();
        var views = _views.Select(v => v()).OfType<ViewRow>().ToList();
        if (appends.Count == 0 && _archived.Count == 0 && CommandId is null)
        {
            return Task.CompletedTask;
        }

        memory.Commit(CommandId, Stored(appends), views, _archived);
        foreach (var action in _afterCommit)
        {
            action();
        }

        if (appends.Count > 0)
        {
            memory.Signal.Appended();
        }

        return Task.CompletedTask;
    }

    private List<MemoryAppend> Stored(List<Pending> appends)
    {
        var events = appends.Sum(a => a.Events.Count);
        if (appends.Count > memory.Options.StreamsPerSaveMax || events > memory.Options.EventsPerSaveMax)
        {
            throw new InvalidOperationException($"One unit of work may touch {memory.Options.StreamsPerSaveMax} streams and append {memory.Options.EventsPerSaveMax} events; this one has {appends.Count} and {events}");
        }

        if (appends.GroupBy(a => a.Stream, StringComparer.Ordinal).FirstOrDefault(g => g.Count() > 1) is { } twice)
        {
            throw new InvalidOperationException($"The stream {twice.Key} is written twice in one unit of work; collect its events in one place");
        }

        return appends.ConvertAll(a => memory.Append(a.Stream, a.Expected, a.Events, CorrelationId, CausationId));
    }

    private sealed record Pending(string Stream, ExpectedVersion Expected, IReadOnlyList<object> Events);
}
