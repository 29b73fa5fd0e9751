namespace AgentPlatform.EventStore;

/// <summary>Folded states by stream, so that the next write reads only what is new. A stale entry costs a few rows, never a wrong answer.</summary>
internal sealed class StateCache(int entriesMax)
{
    private readonly Dictionary<string, LinkedListNode<Entry>> _entries = new(StringComparer.Ordinal);
    private readonly LinkedList<Entry> _byUse = new();
    private readonly Lock _gate = new();

    public (object State, long Version)? Find(string stream)
    {
        lock (_gate)
        {
            if (!_entries.TryGetValue(stream, out var node))
            {
                return null;
            }

            _byUse.Remove(node);
            _byUse.AddLast(node);
            return (node.Value.State, node.Value.Version);
        }
    }

    public void Remember(string stream, object state, long version)
    {
        if (entriesMax == 0 || version == 0)
        {
            return;
        }

        lock (_gate)
        {
            if (_entries.Remove(stream, out var known))
            {
                _byUse.Remove(known);
                if (known.Value.Version > version)
                {
                    (state, version) = (known.Value.State, known.Value.Version);
                }
            }

            _entries[stream] = _byUse.AddLast(new Entry(stream, state, version));
            if (_entries.Count > entriesMax)
            {
                _entries.Remove(_byUse.First!.Value.Stream);
                _byUse.RemoveFirst();
            }
        }
    }

    private sealed record Entry(string Stream, object State, long Version);
}
