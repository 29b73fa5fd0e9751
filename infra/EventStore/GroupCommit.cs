namespace AgentPlatform.EventStore;

/// <summary>
/// Lets units of work that arrive together share a round trip and a flush. Whoever comes while all lanes are at work waits, and goes with the others that
/// wait; whoever comes alone goes at once, alone. Each unit still stands or falls by itself.
/// </summary>
/// <remarks>
/// Two units that append to the same stream never travel together or at the same time: the second would wait for the first inside the database, and all of its
/// companions with it. When the first is stored, the second is known to be stale without asking, if it expected the version before.
/// </remarks>
internal sealed class GroupCommit(StoreGroup store, EventStoreOptions options) : IDisposable
{
    private readonly Lock _gate = new();
    private readonly LinkedList<UnitOfWork> _waiting = new();
    private readonly HashSet<string> _streamsUnderWay = new(StringComparer.Ordinal);
    private readonly SemaphoreSlim _room = new(options.UnitsWaitingMax);
    private int _lanes;

    /// <summary>Returns when the unit is stored.</summary>
    /// <param name="unit">The unit.</param>
    /// <param name="ct">Gives up waiting; a unit that is under way may be stored all the same.</param>
    public async Task Commit(UnitOfWork unit, CancellationToken ct)
    {
        await _room.WaitAsync(ct);
        try
        {
            LinkedListNode<UnitOfWork> place;
            List<UnitOfWork>? group = null;
            lock (_gate)
            {
                place = _waiting.AddLast(unit);
                if (_lanes < options.GroupsAtOnceMax && Take() is { Count: > 0 } taken)
                {
                    _lanes++;
                    group = taken;
                }
            }

            if (group is not null)
            {
                // The lane goes on without us: its next group is not ours to wait for.
                Next(await Run(group));
            }

            await Ended(unit, place, ct);
        }
        finally
        {
            _room.Release();
        }
    }

    public void Dispose() => _room.Dispose();

    private async Task Ended(UnitOfWork unit, LinkedListNode<UnitOfWork> place, CancellationToken ct)
    {
        try
        {
            await unit.Ended.WaitAsync(ct);
        }
        catch (OperationCanceledException) when (!unit.Ended.IsCompleted)
        {
            lock (_gate)
            {
                // Still waiting: then it never happens.
                if (place.List is not null)
                {
                    _waiting.Remove(place);
                }
            }

            throw;
        }
    }

    private void Next(List<UnitOfWork> group)
    {
        if (group.Count > 0)
        {
            _ = Task.Run(async () =>
            {
                while (group.Count > 0)
                {
                    group = await Run(group);
                }
            });
        }
    }

    /// <summary>Stores a group; returns the next one of this lane, empty when the lane is closed.</summary>
    private async Task<List<UnitOfWork>> Run(List<UnitOfWork> group)
    {
        var streams = group.SelectMany(u => u.Appends).Select(a => a.Stream).ToList();
        Dictionary<string, long> stored;
        try
        {
            stored = await store.Store(group);
        }
        catch (Exception e)
        {
            // A bug of ours; nobody may wait for ever because of it, and the lane must go on.
            group.ForEach(u => u.Failed(e));
            stored = [];
        }

        List<UnitOfWork> stale;
        List<UnitOfWork> next;
        lock (_gate)
        {
            _streamsUnderWay.ExceptWith(streams);
            stale = Stale(stored);
            next = Take();
            if (next.Count == 0)
            {
                _lanes--;
            }
        }

        foreach (var unit in stale)
        {
            var moved = unit.Appends.First(a => IsStale(a, stored));
            unit.Failed(new StreamConflictException(moved.Expected == ExpectedVersion.NoStream
                ? $"stream {moved.Stream} exists already"
                : $"stream {moved.Stream} was expected at version {moved.Expected.Value} and is at {stored[moved.Stream]}"));
        }

        return next;
    }

    /// <summary>The first units that may go together, in the order they came.</summary>
    private List<UnitOfWork> Take()
    {
        var (group, events, characters) = (new List<UnitOfWork>(), 0, 0L);
        for (var node = _waiting.First; node is not null && group.Count < options.GroupUnitsMax;)
        {
            var (unit, after) = (node.Value, node.Next);
            if (!unit.Appends.Any(a => _streamsUnderWay.Contains(a.Stream)))
            {
                (events, characters) = (events + unit.Events, characters + unit.Characters);
                if (group.Count > 0 && (events > options.EventsPerSaveMax || characters > options.GroupCharactersMax))
                {
                    break;
                }

                _waiting.Remove(node);
                _streamsUnderWay.UnionWith(unit.Appends.Select(a => a.Stream));
                group.Add(unit);
            }

            node = after;
        }

        return group;
    }

    private List<UnitOfWork> Stale(Dictionary<string, long> stored)
    {
        var stale = new List<UnitOfWork>();
        for (var node = _waiting.First; node is not null;)
        {
            var after = node.Next;
            if (node.Value.Appends.Any(a => IsStale(a, stored)))
            {
                stale.Add(node.Value);
                _waiting.Remove(node);
            }

            node = after;
        }

        return stale;
    }

    // A stream only grows, so whoever expects less than what we have just stored can be told at once.
    private static bool IsStale(StreamAppend append, Dictionary<string, long> stored) =>
        append.Expected.Value >= 0 && stored.TryGetValue(append.Stream, out var version) && append.Expected.Value < version;
}
