namespace AgentPlatform.ModelFabric.Settings;

/// <summary>
/// What every call asks the store for, remembered for a moment. When the moment is over one caller reads it again and all who come meanwhile wait for the same
/// answer, so that a thousand calls at once are one query.
/// </summary>
public sealed class Refreshed<T>(Func<CancellationToken, Task<T>> read, TimeSpan freshFor, TimeProvider time)
{
    private readonly Lock _gate = new();
    private Known? _known;
    private Reading? _reading;

    private sealed record Known(Task<T> Value, long At);

    private sealed record Reading(TaskCompletionSource<T> Result, long At);

    public Task<T> Get(CancellationToken ct)
    {
        if (Volatile.Read(ref _known) is { } known && time.GetElapsedTime(known.At) < freshFor)
        {
            return known.Value;
        }
        Reading reading;
        var isMine = false;
        lock (_gate)
        {
            if (_reading is null)
            {
                _reading = new Reading(new TaskCompletionSource<T>(TaskCreationOptions.RunContinuationsAsynchronously), time.GetTimestamp());
                isMine = true;
            }
            reading = _reading;
        }
        if (isMine)
        {
            _ = Run(reading);
        }
        return reading.Result.Task.WaitAsync(ct);
    }

    /// <summary>It was changed here: the next who asks is told so, also when somebody is reading the old at this moment.</summary>
    public void Forget()
    {
        lock (_gate)
        {
            (_known, _reading) = (null, null);
        }
    }

    private async Task Run(Reading reading)
    {
        try
        {
            // It belongs to all who wait for it, and none of them may end it for the others; the command's own timeout does.
            var value = await read(CancellationToken.None);
            Ended(reading, new Known(Task.FromResult(value), reading.At));
            reading.Result.SetResult(value);
        }
        catch (Exception failed)
        {
            Ended(reading, known: null);
            reading.Result.SetException(failed);
        }
    }

    private void Ended(Reading reading, Known? known)
    {
        lock (_gate)
        {
            if (ReferenceEquals(_reading, reading))
            {
                _reading = null;
                Volatile.Write(ref _known, known ?? _known);
            }
        }
    }
}
