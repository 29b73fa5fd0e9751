using System.Threading.Channels;
using AgentPlatform.AppHost.Launch;

namespace AgentPlatform.AppHost.Tests.Supervision;

/// <summary>A process that lives as long as the test wants.</summary>
internal sealed class FakeLauncher : ILauncher
{
    private readonly Channel<TaskCompletionSource<int>> starts = Channel.CreateUnbounded<TaskCompletionSource<int>>();
    private int nextId = 1000;

    /// <summary>Thrown by the next start instead of starting.</summary>
    public Exception? Refusal { get; set; }

    public int Stops { get; private set; }

    public LaunchDescription Describe() => LaunchDescription.Empty;

    public Task<Running> StartAsync(CancellationToken ct)
    {
        if (Refusal is { } refusal)
        {
            throw refusal;
        }

        var exited = new TaskCompletionSource<int>(TaskCreationOptions.RunContinuationsAsynchronously);
        starts.Writer.TryWrite(exited);
        return Task.FromResult(new Running(nextId++, exited.Task, () =>
        {
            Stops++;
            exited.TrySetResult(0);
            return Task.CompletedTask;
        }));
    }

    /// <summary>Waits for the next start; setting the result ends that process with this code.</summary>
    public async Task<TaskCompletionSource<int>> Started() => await starts.Reader.ReadAsync(TestContext.Current.CancellationToken);
}
