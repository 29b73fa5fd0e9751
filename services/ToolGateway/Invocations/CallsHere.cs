using AgentPlatform.Contracts;
using AgentPlatform.EventStore;
using AgentPlatform.Messaging;

namespace AgentPlatform.ToolGateway.Invocations;

/// <summary>
/// Runs calls in the process that takes them in: what allows a call and what starts it are stored together, before the tool runs, and no message travels in between.
/// There are so many places; who finds none sends the call to itself as a message and lets it wait there.
/// </summary>
internal sealed partial class CallsHere(
    RunningCalls running, GatewayLife life, ExecuteInvocation execute, InvocationOptions limits, MessagingOptions options, TimeProvider time, ILogger<CallsHere> log) : IHostedService, IDisposable
{
    private readonly SemaphoreSlim _places = new(limits.CallsAtOnceMax, Math.Max(1, limits.CallsAtOnceMax));
    private readonly CancellationTokenSource _stop = new();
    private volatile bool _stopping;

    /// <summary>A place for a call; null when there is none, or the call has one already. Whoever gets it runs the call or disposes of it.</summary>
    public Place? Reserve(InvocationId id)
    {
        if (_stopping || !life.IsSeen || !_places.Wait(0))
        {
            return null;
        }

        if (running.TryEnter(id, _stop.Token, out var call))
        {
            return new Place(this, id, call, life.Id);
        }

        _places.Release();
        return null;
    }

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <summary>What is at work may finish; what is not finished in time is cancelled, and whoever finds it decides about it.</summary>
    public async Task StopAsync(CancellationToken cancellationToken)
    {
        _stopping = true;
        await Idle(options.DrainMax, cancellationToken);
        await _stop.CancelAsync();
        await Idle(TimeSpan.FromSeconds(1), cancellationToken);
    }

    public void Dispose()
    {
        _stop.Dispose();
        _places.Dispose();
    }

    private async Task Idle(TimeSpan within, CancellationToken ct)
    {
        var begun = time.GetTimestamp();
        while (_places.CurrentCount < limits.CallsAtOnceMax && time.GetElapsedTime(begun) < within && !ct.IsCancellationRequested)
        {
            await Task.Delay(TimeSpan.FromMilliseconds(20), time, ct).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private void Leave(InvocationId id)
    {
        running.Leave(id);
        _places.Release();
    }

    private async Task<Invocation?> Run(Invocation.Running started, InvocationId id, RunningCalls.Call call, Action<IPostgresSession> follow)
    {
        try
        {
            return await execute.Run(
                started,
                call,
                session =>
                {
                    follow(session);
                    CallsAtWork.Ends(session, id);
                },
                _stop.Token);
        }
        catch (OperationCanceledException) when (_stop.IsCancellationRequested)
        {
            return null;
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            // Where the call came as a message, nobody waits for this.
            Broken(e, id);
            return null;
        }
    }

    [LoggerMessage(4108, LogLevel.Error, "Invocation {Invocation} broke off, or its end could not be stored; it is taken up as an interrupted one")]
    private partial void Broken(Exception cause, InvocationId invocation);

    /// <summary>A place that a call has until it ends.</summary>
    internal sealed class Place(CallsHere here, InvocationId id, RunningCalls.Call call, Guid gateway) : IDisposable
    {
        private bool _left;

        /// <summary>The process it is in.</summary>
        public Guid Gateway => gateway;

        /// <summary>Runs the call, which is stored as started, and leaves the place with its end.</summary>
        /// <param name="started">The call.</param>
        /// <param name="follow">Sets correlation and causation.</param>
        /// <returns>What became of it; null when that could not be stored, and <see cref="RecoverCalls"/> finds it.</returns>
        public async Task<Invocation?> Run(Invocation.Running started, Action<IPostgresSession> follow)
        {
            using (this)
            {
                return await here.Run(started, id, call, follow);
            }
        }

        public void Dispose()
        {
            if (!_left)
            {
                _left = true;
                here.Leave(id);
            }
        }
    }
}
