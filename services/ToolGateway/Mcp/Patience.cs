namespace AgentPlatform.ToolGateway.Mcp;

/// <summary>A time limit in which the time that a human takes does not count.</summary>
internal sealed class Patience : IDisposable
{
    private readonly TimeSpan _time;
    private readonly CancellationTokenSource _end;
    private readonly Lock _gate = new();
    private int _humans;
    private bool _isOver;

    /// <param name="time">Begins now, and again whenever a human has answered.</param>
    /// <param name="ct">Ends it too.</param>
    public Patience(TimeSpan time, CancellationToken ct)
    {
        _time = time;
        _end = CancellationTokenSource.CreateLinkedTokenSource(ct);
        _end.CancelAfter(time);
    }

    /// <summary>When it ends.</summary>
    public CancellationToken Ends => _end.Token;

    /// <summary>Waits for a human.</summary>
    public async Task<T> While<T>(Task<T> answer)
    {
        Count(1);
        try
        {
            return await answer;
        }
        finally
        {
            Count(-1);
        }
    }

    public void Dispose()
    {
        lock (_gate)
        {
            _isOver = true;
        }

        _end.Dispose();
    }

    private void Count(int more)
    {
        lock (_gate)
        {
            _humans += more;
            if (!_isOver && !_end.IsCancellationRequested)
            {
                _end.CancelAfter(_humans > 0 ? Timeout.InfiniteTimeSpan : _time);
            }
        }
    }
}
