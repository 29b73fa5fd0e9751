using System.Diagnostics;
using System.Globalization;

namespace AgentPlatform.ToolGateway.Sandbox;

/// <summary>
/// Ends the tools of a gateway that died. One small shell process holds the read end of a pipe whose only write end is ours: when the gateway is gone, however it
/// went, the shell reads end-of-file and kills every process of every call still on its list.
/// </summary>
/// <remarks>
/// Not a parent-death signal: that follows the spawning thread, which ends at once, must be asked for inside the child, and reaches the child only, not what it started.
/// Does not promise anything when the guardian is killed too, in the same moment; the tools then run out their CPU and file limits, still confined.
/// </remarks>
internal sealed class Guardian : IDisposable
{
    private const string Script = """
        trap '' INT TERM HUP
        groups=' '
        while read -r line; do
            group=${line#?}
            case $line in
                +*) groups="$groups$group " ;;
                -*) case $groups in *" $group "*) groups="${groups%%" $group "*} ${groups#*" $group "}" ;; esac ;;
            esac
        done
        # A call's session has its group's number, and no process can leave it; a group it can leave.
        alive=yes rounds=0
        while [ -n "$alive" ] && [ $rounds -lt 100 ]; do
            alive='' rounds=$((rounds + 1))
            for group in $groups; do kill -9 "-$group" 2>/dev/null; done
            for stat in /proc/[0-9]*/stat; do
                read -r line < "$stat" || continue
                pid=${line%% *}
                set -- ${line##*) }
                case $groups in *" $4 "*) case $1 in [ZX]) ;; *) alive=yes; kill -9 "$pid" ;; esac ;; esac
            done 2>/dev/null
        done
        """;

    private readonly Lock gate = new();
    private readonly HashSet<int> groups = [];
    private Process? shell;

    /// <summary>The guardian's own process id, for tests and diagnostics.</summary>
    internal int? ProcessId => shell?.Id;

    /// <summary>Must return before the tool is let go, so that there is no moment in which it runs unwatched.</summary>
    public void Watch(int group)
    {
        lock (gate)
        {
            groups.Add(group);
            if (shell is { HasExited: false } && TryTell('+', group)) return;
            Start();
        }
    }

    public void Forget(int group)
    {
        lock (gate)
        {
            groups.Remove(group);
            if (shell is { HasExited: false }) _ = TryTell('-', group); // A dead guardian has nothing to forget; the next Watch starts another.
        }
    }

    public void Dispose()
    {
        lock (gate)
        {
            shell?.StandardInput.Dispose();
            shell?.Dispose();
            shell = null;
        }
    }

    private void Start()
    {
        shell?.Dispose();
        var start = new ProcessStartInfo("/bin/sh") { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true, UseShellExecute = false };
        start.ArgumentList.Add("-c");
        start.ArgumentList.Add(Script);
        start.Environment.Clear(); // It lives as long as the gateway and needs none of its secrets.
        start.WorkingDirectory = "/";
        shell = Process.Start(start) ?? throw new InvalidOperationException("/bin/sh did not start, so tools could not be watched.");
        shell.StandardInput.AutoFlush = true;
        if (!groups.All(group => TryTell('+', group))) throw new InvalidOperationException("The guardian shell ended at once; run /bin/sh by hand to see why.");
    }

    private bool TryTell(char sign, int group)
    {
        try
        {
            shell!.StandardInput.Write(string.Create(CultureInfo.InvariantCulture, $"{sign}{group}\n"));
            return true;
        }
        catch (IOException)
        {
            return false; // It was killed: the caller starts a new one and tells it everything.
        }
    }
}
