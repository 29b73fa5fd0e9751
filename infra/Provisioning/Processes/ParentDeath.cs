using System.ComponentModel;
using System.Diagnostics;

namespace AgentPlatform.Provisioning.Processes;

/// <summary>
/// Wraps a command so that it dies with this process, even if this process is killed with SIGKILL, and leads a process group of its own.
/// </summary>
/// <remarks>
/// Two ways. With util-linux (essential on Debian, as perl is): <c>setsid</c>, <c>setpriv --pdeathsig</c>, a check of the parent and the program follow
/// each other in one process by exec, so the id we see is the program's and signals need no forwarding. Elsewhere (busybox has no <c>--pdeathsig</c>): a shell holds the read end
/// of a pipe whose write end only we hold; when we die it reads the end of file and kills its group. There the id is the shell's, which passes
/// TERM and INT on and returns the program's exit code; variables with a dot in their name are lost there.
/// Not promised: without perl, a child started in the very moment in which we die may survive; grandchildren that leave the process group survive; a signal is sent once and may be ignored unless it is KILL.
/// </remarks>
internal static class ParentDeath
{
    // Closes the gap between fork and prctl: a parent that died in between sends no signal any more, but then we have another parent.
    // Not in sh, which drops every variable whose name is not one of its own kind, such as Logging__LogLevel__Microsoft.AspNetCore.
    private const string CheckParentThenExec = "exit 125 if getppid() != shift; exec {$ARGV[0]} @ARGV; exit 127";

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
        # A signal and the end of the child in one moment: that wait told of the signal, and the next one tells of the end; 127 when it was told already.
        wait "$child"; told=$?
        [ "$told" = 127 ] || code=$told
        kill -9 "$watch" 2>/dev/null
        exit "$code"
        """;

    private static readonly Lazy<Way> Detected = new(() => Works("setpriv", "--pdeathsig", "KILL", "--", "true") ? Way.Signal : Way.Lifeline);
    private static readonly Lazy<bool> HasPerl = new(() => Works("perl", "-e", "1"));

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
            string[] check = HasPerl.Value ? ["perl", "-e", CheckParentThenExec, $"{Environment.ProcessId}"] : [];
            return ([.. group, "setpriv", "--pdeathsig", Name(onDeath), "--", .. check, .. command], false);
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

    private static bool Works(string program, params string[] arguments)
    {
        try
        {
            var probe = new ProcessStartInfo(program, arguments) { UseShellExecute = false, RedirectStandardError = true, RedirectStandardOutput = true };
            using var process = Process.Start(probe);
            process?.WaitForExit();
            return process?.ExitCode == 0;
        }
        catch (Win32Exception)
        {
            return false;   // It is not in PATH.
        }
    }
}
