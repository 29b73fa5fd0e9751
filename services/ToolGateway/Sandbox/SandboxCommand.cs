using AgentPlatform.ToolGateway.Sandbox.Egress;
using AgentPlatform.ToolGateway.Workspaces;

namespace AgentPlatform.ToolGateway.Sandbox;

/// <summary>A line a tool printed, as it came.</summary>
public readonly record struct OutputLine(bool IsError, string Text);

/// <summary>A process to run confined in a workspace.</summary>
public sealed record SandboxCommand
{
    /// <summary>Program and arguments; a program without '/' is looked up in the fixed PATH of tools.</summary>
    public required IReadOnlyList<string> Arguments { get; init; }

    public required Workspace Workspace { get; init; }

    /// <summary>Folder to start in, relative to the workspace.</summary>
    public string? Folder { get; init; }

    public ReadOnlyMemory<byte> Input { get; init; }

    /// <summary>Added to the small fixed environment; never the gateway's own.</summary>
    public IReadOnlyDictionary<string, string> Environment { get; init; } = new Dictionary<string, string>();

    /// <summary>Called for each line on the thread that reads the tool's output; must be quick.</summary>
    public Action<OutputLine>? OnLine { get; init; }

    /// <summary>Called for each host that was asked for, by any thread; must be quick.</summary>
    public Action<EgressAttempt>? OnEgress { get; init; }
}

/// <summary>How a process ended.</summary>
public enum SandboxEnd
{
    Exited,
    Signalled,
    TimedOut,
    Cancelled,
    TooMuchOutput,
    TooMuchMemory,
    TooMuchDisk,
}

/// <summary>A layer that stood around the call and what made it.</summary>
public sealed record LayerInForce(SandboxLayer Layer, string By)
{
    /// <summary>As it is recorded: <c>files: landlock abi 7</c>.</summary>
    public override string ToString() => $"{System.Text.Json.JsonNamingPolicy.SnakeCaseLower.ConvertName(Layer.ToString())}: {By}";
}

/// <summary>Text of one output stream, cut to the bound.</summary>
public sealed record CapturedOutput(string Text, long BytesSeen, bool Truncated);

/// <summary>The outcome of one sandboxed call.</summary>
public abstract record SandboxResult
{
    private SandboxResult()
    {
    }

    /// <summary>A required layer could not be put up, so nothing was started.</summary>
    public sealed record Refused(SandboxLayer Layer, string Reason) : SandboxResult;

    /// <summary>The program could not be started (not found, not executable, no such folder).</summary>
    public sealed record NotStarted(string Reason) : SandboxResult;

    /// <summary>The process ran and is gone, with every process that it started.</summary>
    public sealed record Ended(SandboxEnd End, int ExitCode, CapturedOutput Output, CapturedOutput Errors, TimeSpan Duration, IReadOnlyList<LayerInForce> Layers) : SandboxResult
    {
        /// <summary>What it took too much of, in words; null otherwise.</summary>
        public string? Why { get; init; }
    }
}
