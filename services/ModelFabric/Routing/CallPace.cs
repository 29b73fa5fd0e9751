namespace AgentPlatform.ModelFabric.Routing;

/// <summary>Lets so many calls begin within a time, whichever moment the time is counted from. Those who wait begin by turns of their principals.</summary>
public sealed class CallPace(int callsMax, TimeSpan within, int waitingMax, TimeProvider time)
{
    private readonly FairGate _turn = new(insideMax: 1, waitingMax);

    // Only who has the turn touches it; never more than callsMax.
    private readonly Queue<long> _begun = new();

    public int CallsMax => callsMax;

    /// <summary>Returns when the call may begin; false when too many wait already.</summary>
    public async Task<bool> Begin(string principal, CancellationToken ct)
    {
        using var turn = _turn.TryEnter() ?? await _turn.Enter(principal, ct);
        if (turn is null)
        {
            return false;
        }
        while (_begun.Count >= callsMax)
        {
            if (within - time.GetElapsedTime(_begun.Peek()) is { Ticks: > 0 } left)
            {
                // Rounded up: a timer may come a moment early.
                await Task.Delay(left + TimeSpan.FromMilliseconds(1), time, ct);
            }
            else
            {
                _begun.Dequeue();
            }
        }
        _begun.Enqueue(time.GetTimestamp());
        return true;
    }
}
