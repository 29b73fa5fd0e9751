namespace AgentPlatform.Provisioning.Processes;

/// <summary>What to start and how it ends.</summary>
/// <param name="Program">A path or a name found in PATH.</param>
/// <param name="Arguments">The arguments; every user of the machine can read them, so no secret belongs here.</param>
public sealed record ChildProcessStart(string Program, params IReadOnlyList<string> Arguments)
{
    /// <summary>The folder the child starts in; ours when null.</summary>
    public string? WorkingDirectory { get; init; }

    /// <summary>Variables set for the child; a null value removes one.</summary>
    public IReadOnlyDictionary<string, string?> Environment { get; init; } = new Dictionary<string, string?>();

    /// <summary>True: the child sees our environment too. False: only <see cref="Environment"/> and the names in <see cref="PlainVariables"/>.</summary>
    public bool InheritEnvironment { get; init; } = true;

    /// <summary>What a program needs to run at all, and what never holds a secret.</summary>
    public static IReadOnlyList<string> PlainVariables { get; } = ["PATH", "HOME", "LANG", "TZ", "TMPDIR", "TERM"];

    /// <summary>Run as this user; only root can.</summary>
    public string? RunAs { get; init; }

    /// <summary>What the child receives when this process dies, however it dies.</summary>
    public Signal OnParentDeath { get; init; } = Signal.Kill;

    /// <summary>How to ask it to end.</summary>
    public Signal StopSignal { get; init; } = Signal.Terminate;

    /// <summary>How long it may take to end before its whole process group is killed.</summary>
    public TimeSpan StopTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>True: the child uses our terminal, stays in our process group and is not read.</summary>
    public bool InheritTerminal { get; init; }

    /// <summary>Called for each line, one at a time per stream, from a pool thread. An exception here is a bug and surfaces from <see cref="ChildProcess.Exited"/>.</summary>
    public Action<OutputLine>? OnLine { get; init; }

    /// <summary>A longer line arrives in pieces of this many characters.</summary>
    public int LineLengthMax { get; init; } = 32 * 1024;

    /// <summary>How long to wait for the last lines after the child ended; a grandchild that holds the pipe open would keep us waiting.</summary>
    public TimeSpan LastLinesTimeout { get; init; } = TimeSpan.FromSeconds(1);
}
