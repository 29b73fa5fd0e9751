using System.Text.Json;
using AgentPlatform.EventStore;

namespace AgentPlatform.Testing.EventStores;

/// <summary>What would be the database: streams, the log of all events, and views, changed by one unit of work at a time.</summary>
internal sealed class StreamMemory(EventTypes types, EventStoreOptions options, JsonSerializerOptions viewJson, TimeProvider time)
{
    private readonly Dictionary<string, MemoryStream> _streams = new(StringComparer.Ordinal);
    private readonly List<StoredEvent> _log = [];
    private readonly HashSet<string> _commands = new(StringComparer.Ordinal);
    private readonly Lock _gate = new();

    public EventTypes Types { get; } = types;

    public EventStoreOptions Options { get; } = options;

    public TimeProvider Time { get; } = time;

    public InMemorySignal Signal { get; } = new(options.PollEvery);

    public InMemoryViews Views { get; } = new(viewJson);

    public IReadOnlyList<StoredEvent> Stream(string id)
    {
        lock (_gate)
        {
            return _streams.TryGetValue(id, out var stream) ? [.. stream.Events] : [];
        }
    }

    public IReadOnlyList<StoredEvent> Log()
    {
        lock (_gate)
        {
            return [.. _log];
        }
    }

    /// <summary>Checks everything, then changes everything. Streams are looked at in the order of their ids, so the first refusal is the one PostgreSQL gives.</summary>
    public void Commit(string? command, IReadOnlyList<MemoryAppend> appends, IReadOnlyList<ViewRow> views, IReadOnlyList<string> archived)
    {
        lock (_gate)
        {
            if (command is not null && _commands.Contains(command))
            {
                throw new DuplicateCommandException($"The command {command} was handled before");
            }

            foreach (var append in appends)
            {
                Check(append);
            }

            if (command is not null)
            {
                _commands.Add(command);
            }

            foreach (var append in appends)
            {
                Apply(append);
            }

            foreach (var row in views)
            {
                Views.Upsert(row);
            }

            foreach (var id in archived)
            {
                if (_streams.TryGetValue(id, out var stream))
                {
                    stream.IsArchived = true;
                }
            }
        }
    }

    /// <summary>Events as they would be stored now.</summary>
    public MemoryAppend Append(string stream, ExpectedVersion expected, IEnumerable<object> events, string? correlation, string? causation)
    {
        // PostgreSQL keeps microseconds.
        var now = Time.GetUtcNow();
        var at = now.AddTicks(-(now.Ticks % TimeSpan.TicksPerMicrosecond));
        return new MemoryAppend(stream, expected, [.. events.Select(e => Stored(stream, e, at, correlation, causation))]);
    }

    /// <summary>A bulk append: refused in the order of the ids, stored in the order given.</summary>
    public void Import(IReadOnlyCollection<StreamImport> streams, string? correlation, string? causation)
    {
        var events = streams.Sum(s => (long)s.Events.Count);
        if (events > Options.EventsPerImportMax)
        {
            throw new InvalidOperationException($"One bulk append may have {Options.EventsPerImportMax} events (EventStore:EventsPerImportMax); this one has {events}");
        }

        if (streams.FirstOrDefault(s => string.IsNullOrEmpty(s.Stream) || s.Events.Count == 0) is { } empty)
        {
            throw new InvalidOperationException($"The stream '{empty.Stream}' of a bulk append has no id or no events");
        }

        if (streams.GroupBy(s => s.Stream, StringComparer.Ordinal).FirstOrDefault(g => g.Count() > 1) is { } twice)
        {
            throw new InvalidOperationException($"The stream {twice.Key} is written twice in one bulk append; collect its events in one place");
        }

        var appends = streams.Select(s => Append(s.Stream, s.Expected, s.Events, correlation, causation)).ToList();
        lock (_gate)
        {
            appends.OrderBy(a => a.Stream, StringComparer.Ordinal).ToList().ForEach(Check);
            appends.ForEach(Apply);
        }

        Signal.Appended();
    }

    private StoredEvent Stored(string stream, object e, DateTimeOffset at, string? correlation, string? causation)
    {
        var type = e.GetType();
        var json = JsonSerializer.SerializeToUtf8Bytes(e, type, EventTypes.Json);
        return json.Length <= Options.EventBytesMax
            ? new StoredEvent(0, Guid.CreateVersion7(), stream, 0, Types.NameOf(type), at, correlation, causation, json)
            : throw new InvalidOperationException($"An event of type {type.Name} has {json.Length} bytes of JSON; the store takes {Options.EventBytesMax} (EventStore:EventBytesMax)");
    }

    private void Check(MemoryAppend append)
    {
        var (id, expected) = (append.Stream, append.Expected.Value);
        var stream = _streams.GetValueOrDefault(id);
        if (stream is null)
        {
            if (expected > 0)
            {
                throw new StreamConflictException($"stream {id} was expected at version {expected} and does not exist");
            }

            return;
        }

        if (expected == 0)
        {
            throw new StreamConflictException($"stream {id} exists already");
        }

        if (stream.IsArchived)
        {
            throw new StreamArchivedException($"stream {id} is archived");
        }

        if (expected > 0 && stream.Events.Count != expected)
        {
            throw new StreamConflictException($"stream {id} was expected at version {expected} and is at {stream.Events.Count}");
        }
    }

    private void Apply(MemoryAppend append)
    {
        if (!_streams.TryGetValue(append.Stream, out var stream))
        {
            _streams[append.Stream] = stream = new MemoryStream();
        }

        foreach (var e in append.Events)
        {
            var stored = e with { Sequence = _log.Count + 1, Version = stream.Events.Count + 1 };
            stream.Events.Add(stored);
            _log.Add(stored);
        }
    }

    private sealed class MemoryStream
    {
        public List<StoredEvent> Events { get; } = [];

        public bool IsArchived { get; set; }
    }
}

/// <summary>Events for one stream; sequence and version are given when they are committed.</summary>
internal sealed record MemoryAppend(string Stream, ExpectedVersion Expected, IReadOnlyList<StoredEvent> Events);
