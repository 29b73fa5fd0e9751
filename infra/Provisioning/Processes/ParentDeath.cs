using System.ComponentModel;
using System.Diagnostics;

namespace AgentPlatform.Provisioning.Processes;

/// <summary>
/// Wraps a command so that it dies with this process, even if this process is killed with SIGKILL, and leads a process group of its own.
/// </summary>
/// <remarks>
/// Two ways. With util-linux (essential on Debian): <c>setsid</c>, <c>setpriv --pdeathsig</c> and the program follow each other in one process by
/// exec, so the id we see is the program's and signals need no forwarding. Elsewhere (busybox has no <c>--pdeathsig</c>): a shell holds the read end
/// of a pipe whose write end only we hold; when we die it reads the end of file and kills its group. There the id is the shell's, which passes
/// TERM and INT on and returns the program's exit code.
/// Not promised: grandchildren that leave the process group survive; a signal is sent once and may be ignored unless it is KILL.
/// </remarks>
internal static class ParentDeath
{
    // Closes the gap between fork and prctl: a parent that died in between sends no signal any more, but then we have another parent.
    private const string CheckParentThenExec = """test "$PPID" = "$0" || exit 125; exec "$@" """;

    private const string WatchLifeline = """
        signal=$0
        exec 3<&0
        trap 'kill -TERM "$child" 2>/dev/null' TERM
        trap 'kill -INT "$child" 2>/dev/null' INT
        "$@" 3<&- </dev/null &
        child=$!
        ( trap '' INT TERM
          while read -r _ <&3; do :; done
          kill -"$signal" "$child" 2>/dev/null
          [ "$signal" = 9 ] || sleep 5
          kill -9 0 ) >/dev/null 2>&1 &
        watch=$!
        exec 3<&-
        while :; do
          wait "$child"; code=$?
          kill -0 "$child" 2>/dev/null || break
        done
        kill -9 "$watch" 2>/dev/null
        exit "$code"
        """;

    private static readonly Lazy<Way> Detected = new(Detect);

    internal enum Way
    {
        Signal,
        Lifeline,
    }

    public static Way Available => Detected.Value;

    /// <summary>The command line that ends in <paramref name="command"/>, and whether standard input must stay open as the lifeline.</summary>
    public static (string[] Command, bool HoldInput) Wrap(IEnumerable<string> command, Signal onDeath, bool ownGroup, Way? way = null)
    {
        string[] group = ownGroup ? ["setsid"] : [];
        if ((way ?? Available) == Way.Signal)
        {
            return ([.. group, "setpriv", "--pdeathsig", Name(onDeath), "--", "sh", "-c", CheckParentThenExec, $"{Environment.ProcessId}", .. command], false);
        }

        // Without a group of its own the shell would kill its caller; a program that shares our terminal ends with it instead.
        return ownGroup ? (["setsid", "sh", "-c", WatchLifeline, $"{(int)onDeath}", .. command], true) : ([.. command], false);
    }

    private static string Name(Signal signal) => signal switch
    {
        Signal.Interrupt => "INT",
        Signal.Kill => "KILL",
        _ => "TERM",
    };

    private static Way Detect()
    {
        try
        {
            var probe = new ProcessStartInfo("setpriv", ["--pdeathsig", "KILL", "--", "true"]) { UseShellExecute = false, RedirectStandardError = true, RedirectStandardOutput = true };
            using var process = Process.Start(probe);
            process?.WaitForExit();
            return process?.ExitCode == 0 ? Way.Signal : Way.Lifeline;
        }
        catch (Win32Exception)
        {
            return Way.Lifeline;   // No setpriv in PATH.
        }
    }
}
