namespace AgentPlatform.ToolGateway.Sandbox;

/// <summary>The standard streams of a running process, and what stands around it.</summary>
internal sealed record ProcessStreams(Stream Input, Stream Output, Stream Errors, IReadOnlyList<LayerInForce> Layers);

/// <summary>Nothing was started. The message names the cause and the remedy.</summary>
public sealed class SandboxException(string reason) : Exception(reason);

/// <summary>A confined process that goes on until it ends or is disposed of.</summary>
public sealed class ConfinedProcess : IAsyncDisposable
{
    private readonly ConfinedCall call;
    private readonly ProcessStreams streams;

    internal ConfinedProcess(ConfinedCall call, Task<SandboxResult> ended)
    {
        (this.call, streams) = (call, call.Started.Result); // It has started: whoever makes this has awaited that.
        Ended = Wait(ended);
    }

    /// <summary>Its standard input.</summary>
    public Stream Input => streams.Input;

    /// <summary>Its standard output; at the end when the process is gone.</summary>
    public Stream Output => streams.Output;

    /// <summary>Its standard error; whoever does not read it makes a talkative process wait.</summary>
    public Stream Errors => streams.Errors;

    /// <summary>The layers around it.</summary>
    public IReadOnlyList<LayerInForce> Layers => streams.Layers;

    /// <summary>How it ended; completes when all that it started is gone too.</summary>
    public Task<SandboxResult.Ended> Ended { get; }

    /// <summary>Closes its input, gives it a moment to end by itself, then kills it with all that it started.</summary>
    public async Task Stop(TimeSpan patience, TimeProvider time)
    {
        await Input.DisposeAsync();
        try
        {
            await Ended.WaitAsync(patience, time);
        }
        catch (TimeoutException)
        {
            call.Cancel();
            await Ended;
        }
    }

    public async ValueTask DisposeAsync()
    {
        call.Cancel();
        await Ended.ContinueWith(static _ => { }, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
        call.Dispose();
        await Input.DisposeAsync();
        await Output.DisposeAsync();
        await Errors.DisposeAsync();
    }

    private static async Task<SandboxResult.Ended> Wait(Task<SandboxResult> ended) => (SandboxResult.Ended)await ended;
}
