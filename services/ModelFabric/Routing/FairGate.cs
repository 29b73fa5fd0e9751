namespace AgentPlatform.ModelFabric.Routing;

/// <summary>
/// Lets so many in at a time. Those who wait are let in by turns of their principals, so one with a thousand calls delays
/// another's only call by one place. The number of those who wait is bounded.
/// </summary>
public sealed class FairGate(int insideMax, int waitingMax)
{
    private readonly Lock _gate = new();
    private readonly Dictionary<string, LinkedList<TaskCompletionSource>> _waiting = [];
    private readonly LinkedList<string> _turns = new();
    private int _inside;
    private int _waits;

    public int InsideMax => insideMax;

    /// <summary>A place if one is free; null when one has to wait for it.</summary>
    public IDisposable? TryEnter()
    {
        lock (_gate)
        {
            if (_inside >= insideMax)
            {
                return null;
            }
            _inside++;
            return new Leave(this);
        }
    }

    /// <summary>Null when too many wait already. Who was let in disposes of it.</summary>
    public async Task<IDisposable?> Enter(string principal, CancellationToken ct)
    {
        LinkedListNode<TaskCompletionSource> mine;
        lock (_gate)
        {
            if (_inside < insideMax)
            {
                _inside++;
                return new Leave(this);
            }
            if (_waits >= waitingMax)
            {
                return null;
            }
            _waits++;
            if (!_waiting.TryGetValue(principal, out var line))
            {
                _waiting[principal] = line = new LinkedList<TaskCompletionSource>();
                _turns.AddLast(principal);
            }
            mine = line.AddLast(new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));
        }
        await using var registration = ct.Register(() => GiveUp(principal, mine, ct));
        await mine.Value.Task;
        return new Leave(this);
    }

    private void GiveUp(string principal, LinkedListNode<TaskCompletionSource> mine, CancellationToken ct)
    {
        lock (_gate)
        {
            if (mine.List is not { } line)
            {
                return;
            }
            Remove(principal, line, mine);
        }
        mine.Value.SetCanceled(ct);
    }

    private void Out()
    {
        LinkedListNode<TaskCompletionSource>? next = null;
        lock (_gate)
        {
            if (_turns.First is { } turn)
            {
                // The place passes from hand to hand; the principal goes to the end of the row.
                var line = _waiting[turn.Value];
                next = line.First!;
                _turns.RemoveFirst();
                _turns.AddLast(turn);
                Remove(turn.Value, line, next);
            }
            else
            {
                _inside--;
            }
        }
        next?.Value.SetResult();
    }

    private void Remove(string principal, LinkedList<TaskCompletionSource> line, LinkedListNode<TaskCompletionSource> one)
    {
        line.Remove(one);
        _waits--;
        if (line.Count == 0)
        {
            _waiting.Remove(principal);
            _turns.Remove(principal);
        }
    }

    private sealed class Leave(FairGate gate) : IDisposable
    {
        private FairGate? _gate = gate;

        public void Dispose() => Interlocked.Exchange(ref _gate, null)?.Out();
    }
}
