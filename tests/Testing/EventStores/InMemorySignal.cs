using AgentPlatform.EventStore;

namespace AgentPlatform.Testing.EventStores;

/// <summary>Wakes the readers of <see cref="InMemoryEventStore"/>.</summary>
internal sealed class InMemorySignal(TimeSpan pollEvery) : IStoreSignal
{
    private TaskCompletionSource _next = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public Task Next => Volatile.Read(ref _next).Task;

    public void Appended() => Interlocked.Exchange(ref _next, new(TaskCreationOptions.RunContinuationsAsynchronously)).TrySetResult();

    public async Task Wait(Task next, CancellationToken ct)
    {
        using var timer = CancellationTokenSource.CreateLinkedTokenSource(ct);
        timer.CancelAfter(pollEvery);
        await next.WaitAsync(timer.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        ct.ThrowIfCancellationRequested();
    }
}
