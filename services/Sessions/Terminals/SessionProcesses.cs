using System.Runtime.InteropServices;
using System.Text;

namespace AgentPlatform.Sessions.Terminals;

/// <summary>
/// The processes of a terminal's session as the kernel lists them now: its members, their descendants, and whoever carries
/// the session's mark in the environment, as a program does that has moved to a session of its own.
/// </summary>
/// <remarks>
/// Not a boundary: a program that leaves the session, gives up its parent and clears its environment is not found.
/// The sandbox around the session is the boundary.
/// </remarks>
internal static class SessionProcesses
{
    /// <summary>For a session whose leader is gone: only the mark and what descends from it is looked for.</summary>
    public const int NoLeader = -1;

    private const int KillRoundsMax = 20;

    public static void Signal(int leader, string session, params ReadOnlySpan<int> signals)
    {
        foreach (var process in Of(leader, session))
        {
            foreach (var signal in signals)
            {
                // A process that ended in between is what was wanted.
                _ = Libc.Signal(process, signal);
            }
        }
    }

    /// <summary>Again until none is left: a process may start another while it is being ended.</summary>
    public static void KillAll(int leader, string session)
    {
        for (var round = 0; round < KillRoundsMax && Of(leader, session).Count > 0; round++)
        {
            Signal(leader, session, Libc.Kill);
        }
    }

    /// <summary>Waits for the leader to end but leaves it as it is: as long as it is not reaped, its number is nobody else's.</summary>
    public static int WaitForExit(int leader)
    {
        var info = new Libc.ExitInfo();
        while (Libc.WaitFor(Libc.ById, leader, ref info, Libc.Exited | Libc.LeaveWaitable) < 0)
        {
            if (Marshal.GetLastPInvokeError() != Libc.Interrupted)
            {
                // Somebody else reaped it, as when the service runs with SIGCHLD ignored; the code is lost, the end is not.
                return -1;
            }
        }
        const int byItself = 1;
        const int bySignalBase = 128;
        return info.Code == byItself ? info.Status : bySignalBase + info.Status;
    }

    public static void Reap(int leader)
    {
        var info = new Libc.ExitInfo();
        while (Libc.WaitFor(Libc.ById, leader, ref info, Libc.Exited) < 0 && Marshal.GetLastPInvokeError() == Libc.Interrupted)
        {
        }
    }

    /// <summary>Living members only; a zombie has nothing left to end.</summary>
    public static IReadOnlyList<int> Of(int leader, string session)
    {
        var mark = Encoding.UTF8.GetBytes($"{SpawnProgram.SessionVariable}={session}\0");
        var all = new List<(int Process, int Parent, int Session)>();
        foreach (var folder in Directory.EnumerateDirectories("/proc"))
        {
            if (int.TryParse(Path.GetFileName(folder.AsSpan()), out var process) && Stat(process) is { } stat)
            {
                all.Add((process, stat.Parent, stat.Session));
            }
        }
        var found = all.Where(entry => entry.Session == leader || HasMark(entry.Process, mark)).Select(entry => entry.Process).ToHashSet();
        var grown = found.Count > 0;
        while (grown)
        {
            grown = false;
            foreach (var entry in all)
            {
                grown |= found.Contains(entry.Parent) && found.Add(entry.Process);
            }
        }
        return [.. found];
    }

    private static bool HasMark(int process, byte[] mark)
    {
        try
        {
            return File.ReadAllBytes($"/proc/{process}/environ").AsSpan().IndexOf(mark) >= 0;
        }
        catch (Exception others) when (others is IOException or UnauthorizedAccessException)
        {
            // Gone meanwhile, or another user's: neither is ours.
            return false;
        }
    }

    private static (int Parent, int Session)? Stat(int process)
    {
        string text;
        try
        {
            text = File.ReadAllText($"/proc/{process}/stat");
        }
        catch (Exception gone) when (gone is IOException or UnauthorizedAccessException)
        {
            return null;
        }
        // The name in parentheses may contain anything, parentheses included: what counts follows the last one.
        var fields = text[(text.LastIndexOf(')') + 2)..].Split(' ');
        return fields[0] is "Z" or "X" ? null : (int.Parse(fields[1]), int.Parse(fields[3]));
    }
}
