using AgentPlatform.AppHost.Commands;
using AgentPlatform.AppHost.Data;

namespace AgentPlatform.AppHost.Stack;

/// <summary>A stack that another AppHost runs on the same data folder.</summary>
internal static class ExistingStack
{
    private static readonly TimeSpan LookEvery = TimeSpan.FromMilliseconds(100);

    /// <summary>It holds the lock, so it is there or about to be; its file says when.</summary>
    /// <exception cref="TimeoutException">It did not become ready.</exception>
    public static async Task UntilReady(AppHostOptions options, TimeProvider time, CancellationToken ct)
    {
        var begun = time.GetTimestamp();
        while (PlatformFile.ReadLiving(DataFolder.PlatformFileIn(options.DataFolder)) is null)
        {
            if (time.GetElapsedTime(begun) > options.ReadyTimeout)
            {
                throw new TimeoutException($"Another AppHost holds {options.DataFolder} but has not become ready. Look at its terminal, or choose another folder with --data.");
            }

            await Task.Delay(LookEvery, time, ct);
        }
    }
}
