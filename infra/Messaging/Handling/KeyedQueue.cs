namespace AgentPlatform.Messaging;

/// <summary>Runs work for the same key one after the other, in the order it was handed in, and different keys side by side.</summary>
internal sealed class KeyedQueue
{
    private readonly Dictionary<string, Task> _tails = new(StringComparer.Ordinal);
    private readonly Lock _gate = new();

    public Task Enqueue(string? key, Func<Task> work)
    {
        if (key is null)
        {
            return Task.Run(work);
        }

        lock (_gate)
        {
            var before = _tails.GetValueOrDefault(key, Task.CompletedTask);
            var mine = Task.Run(async () =>
            {
                // What went wrong with the one before is that one's own affair.
                await before.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                await work();
            });
            _tails[key] = mine;
            _ = mine.ContinueWith(_ => Forget(key, mine), CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
            return mine;
        }
    }

    private void Forget(string key, Task mine)
    {
        lock (_gate)
        {
            if (_tails.TryGetValue(key, out var tail) && tail == mine)
            {
                _tails.Remove(key);
            }
        }
    }
}
