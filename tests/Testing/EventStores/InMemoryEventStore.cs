using System.Runtime.CompilerServices;
using System.Text.Json;
using AgentPlatform.EventStore;

namespace AgentPlatform.Testing.EventStores;

/// <summary>The event store's twin without a database: the same answers, held by the same compliance suite and by random sequences compared with PostgreSQL.</summary>
/// <remarks>
/// Positions are drawn under one lock, so there is never a hole. JSON is kept as it was written; PostgreSQL gives it back with other white space and another
/// order of properties, and it refuses the character U+0000, which the twin does not.
/// </remarks>
public sealed class InMemoryEventStore : IEventStore
{
    private readonly StreamMemory _memory;

    public InMemoryEventStore(EventTypes types, EventStoreOptions options, JsonSerializerOptions viewJson, TimeProvider time)
        : this(new StreamMemory(types, options, viewJson, time)) => options.Validate();

    private InMemoryEventStore(StreamMemory memory) => _memory = memory;

    public IStoreSignal Signal => _memory.Signal;

    public IViews Views => _memory.Views;

    /// <summary>Another process's view of the same streams.</summary>
    public InMemoryEventStore Another() => new(_memory);

    public IEventSession Open() => new InMemorySession(this, _memory);

    public object Open(StoredEvent stored) => _memory.Types.Read(stored.Type, stored.Json.Span);

    public async Task<(TState State, long Version)> Aggregate<TState, TEvent>(StreamKind<TState, TEvent> kind, string id, CancellationToken ct)
        where TState : class
        where TEvent : class
    {
        var (state, version) = (kind.Initial, 0L);
        await foreach (var stored in ReadStream(kind.StreamId(id), 0, ct))
        {
            (state, version) = (kind.Evolve(state, (TEvent)Open(stored)), stored.Version);
        }

        return (state, version);
    }

    public async IAsyncEnumerable<StoredEvent> ReadStream(string stream, long afterVersion, [EnumeratorCancellation] CancellationToken ct)
    {
        await Task.CompletedTask.WaitAsync(ct);
        foreach (var stored in _memory.Stream(stream).Where(e => e.Version > afterVersion))
        {
            yield return stored;
        }
    }

    public Task<CommittedPage> ReadCommitted(long after, int limit, IReadOnlyCollection<string>? streams, CancellationToken ct)
    {
        ct.ThrowIfCancellationRequested();
        var log = _memory.Log();
        if (log.Count <= after)
        {
            return Task.FromResult(new CommittedPage([], after, More: false));
        }

        var rows = log.Skip((int)after).Where(e => streams is null || streams.Contains(e.Stream)).Take(limit).ToList();
        return Task.FromResult(rows.Count == limit ? new CommittedPage(rows, rows[^1].Sequence, More: true) : new CommittedPage(rows, log.Count, More: false));
    }

    public Task Import(IReadOnlyCollection<StreamImport> streams, string? correlation, string? causation, CancellationToken ct)
    {
        ct.ThrowIfCancellationRequested();
        if (streams.Count > 0)
        {
            _memory.Import(streams, correlation, causation);
        }

        return Task.CompletedTask;
    }
}
