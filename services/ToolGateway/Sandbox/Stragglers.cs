using System.Collections.Concurrent;
using System.Text;

namespace AgentPlatform.ToolGateway.Sandbox;

/// <summary>
/// Finds processes that left their call's process group (setsid) and outlived it, by the call's mark in their environment, and kills them.
/// </summary>
/// <remarks>
/// Does not promise to find a process that leaves the group and also starts a program with the mark removed; such a process keeps every other wall:
/// files, network, system calls, CPU seconds. A PID namespace (bubblewrap) closes that gap where the host allows one.
/// </remarks>
internal sealed class Stragglers(TimeProvider time)
{
    internal const string Mark = "AGENTPLATFORM_CALL";
    private static readonly TimeSpan Delay = TimeSpan.FromSeconds(2);

    private readonly ConcurrentDictionary<string, bool> ended = new(StringComparer.Ordinal);
    private int scheduled;

    /// <summary>Looks at every process now. For calls that were stopped by force.</summary>
    public static int KillNow(string call) => Kill([call]);

    /// <summary>One look in a moment for all calls that ended until then: reading /proc costs about a millisecond, too much for each quick call.</summary>
    public void KillLater(string call)
    {
        ended[call] = true;
        if (Interlocked.Exchange(ref scheduled, 1) == 1) return;
        _ = SweepSoon();
    }

    private async Task SweepSoon()
    {
        await Task.Delay(Delay, time);
        Volatile.Write(ref scheduled, 0);
        var calls = ended.Keys.ToArray();
        foreach (var call in calls) ended.TryRemove(call, out _);
        _ = Kill(calls);
    }

    private static int Kill(string[] calls)
    {
        var marks = calls.Select(call => Encoding.UTF8.GetBytes($"{Mark}={call}\0")).ToArray();
        var killed = 0;
        foreach (var folder in Directory.EnumerateDirectories("/proc"))
        {
            if (!int.TryParse(Path.GetFileName(folder.AsSpan()), out var pid)) continue;
            byte[] environment;
            try
            {
                environment = File.ReadAllBytes($"{folder}/environ");
            }
            catch (Exception error) when (error is IOException or UnauthorizedAccessException)
            {
                continue; // Gone since, or another user's: not ours in either case.
            }
            if (marks.Any(mark => environment.AsSpan().IndexOf(mark) >= 0) && Kernel.Kill(pid, Kernel.SigKill) == 0) killed++;
        }
        return killed;
    }
}
