using System.Collections.Concurrent;
using AgentPlatform.Contracts;

namespace AgentPlatform.ToolGateway.Invocations;

/// <summary>The calls whose tool runs in this process now: to cancel them, and never to run one twice side by side.</summary>
internal sealed class RunningCalls
{
    private readonly ConcurrentDictionary<InvocationId, Call> _calls = new();

    /// <summary>Takes the place, or tells who has it.</summary>
    public bool TryEnter(InvocationId id, CancellationToken ct, out Call call)
    {
        var mine = new Call(CancellationTokenSource.CreateLinkedTokenSource(ct));
        call = _calls.GetOrAdd(id, mine);
        if (call != mine)
        {
            mine.Stop.Dispose();
            return false;
        }

        return true;
    }

    /// <summary>Whether it runs here.</summary>
    public bool Has(InvocationId id) => _calls.ContainsKey(id);

    public void Leave(InvocationId id)
    {
        if (_calls.TryRemove(id, out var call))
        {
            call.Done.TrySetResult();
            call.Stop.Dispose();
        }
    }

    /// <summary>Stops the tool if it runs here; the one who runs it records the end.</summary>
    public bool Cancel(InvocationId id)
    {
        if (!_calls.TryGetValue(id, out var call))
        {
            return false;
        }

        call.IsCancelled = true;
        try
        {
            call.Stop.Cancel();
        }
        catch (ObjectDisposedException)
        {
            // It ended in this very moment.
        }

        return true;
    }

    internal sealed class Call(CancellationTokenSource stop)
    {
        public CancellationTokenSource Stop { get; } = stop;

        public TaskCompletionSource Done { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public volatile bool IsCancelled;
    }
}
