using System.Globalization;
using System.Runtime.InteropServices;

namespace AgentPlatform.ToolGateway.Sandbox;

/// <summary>How many processes and threads the gateway's user has, the base of the process limit when tools run as the same user.</summary>
internal static partial class UserTasks
{
    private static readonly TimeSpan Fresh = TimeSpan.FromSeconds(1);
    private static readonly Lock Gate = new();
    private static (long At, int Count)? last;

    /// <summary>Counted at most once a second: the bound is there to stop a fork bomb, not to be exact to the process.</summary>
    public static int Count(TimeProvider time)
    {
        lock (Gate)
        {
            if (last is { } known && time.GetElapsedTime(known.At) < Fresh) return known.Count;
            last = (time.GetTimestamp(), Count(UserId()));
            return last.Value.Count;
        }
    }

    private static int Count(uint user)
    {
        var wanted = $"Uid:\t{user}\t";
        var count = 0;
        foreach (var folder in Directory.EnumerateDirectories("/proc"))
        {
            if (!char.IsAsciiDigit(Path.GetFileName(folder)[0])) continue;
            try
            {
                var status = File.ReadAllText($"{folder}/status");
                if (!status.Contains(wanted, StringComparison.Ordinal)) continue;
                var start = status.IndexOf("Threads:\t", StringComparison.Ordinal) + "Threads:\t".Length;
                count += int.Parse(status.AsSpan(start, status.IndexOf('\n', start) - start), CultureInfo.InvariantCulture);
            }
            catch (Exception error) when (error is IOException or UnauthorizedAccessException)
            {
                continue; // Gone since the listing.
            }
        }
        return count;
    }

    [LibraryImport("libc", EntryPoint = "getuid")]
    private static partial uint UserId();
}
