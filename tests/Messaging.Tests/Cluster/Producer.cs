using AgentPlatform.Testing;

namespace AgentPlatform.Messaging.Tests.Cluster;

/// <summary>Sends without end, whatever happens to NATS: every message is in PostgreSQL when it was sent.</summary>
internal sealed class Producer : IAsyncDisposable
{
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _sending;
    private int _sent;

    private Producer(TallyService service, string tally)
    {
        _sending = Task.Run(async () =>
        {
            using var pace = new PeriodicTimer(TimeSpan.FromMilliseconds(20));
            while (!_stop.IsCancellationRequested)
            {
                await service.Send("run-1", new CountUp(tally, Volatile.Read(ref _sent) + 1));
                Interlocked.Increment(ref _sent);
                await pace.WaitForNextTickAsync(CancellationToken.None);
            }
        });
    }

    public static Producer Begin(TallyService service, string tally) => new(service, tally);

    /// <summary>Waits until as many more were sent.</summary>
    public async Task More(int count)
    {
        var target = Volatile.Read(ref _sent) + count;
        await Eventually.True(() => Task.FromResult(Volatile.Read(ref _sent) >= target || _sending.IsFaulted), $"{count} more messages sent");
    }

    /// <summary>Ends it; how many were sent.</summary>
    public async Task<int> End()
    {
        await _stop.CancelAsync();
        await _sending;
        return _sent;
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _sending.ContinueWith(static _ => { }, TaskScheduler.Default);
        _stop.Dispose();
    }
}
