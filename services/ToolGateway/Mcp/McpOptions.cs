using AgentPlatform.ToolGateway.Sandbox;

namespace AgentPlatform.ToolGateway.Mcp;

/// <summary>Bounds of what MCP servers may take.</summary>
public sealed record McpOptions
{
    /// <summary>Folder in which each stdio server gets one of its own, as HOME and to start in; the user it runs as must be able to reach it.</summary>
    public required string Folder { get; init; }

    /// <summary>Folders that no server is given, whatever is configured.</summary>
    public IReadOnlyList<string> Closed { get; init; } = [];

    /// <summary>Bounds of a server that is a program. It lives long, and Node.js and npx take more than a command does.</summary>
    public SandboxLimits ProgramLimits { get; init; } = new()
    {
        Duration = TimeSpan.MaxValue, Cpu = TimeSpan.FromDays(365), MemoryBytesMax = 4L << 30, CallMemoryBytesMax = 4L << 30, ProcessesMax = 512, FileBytesMax = 1L << 30, OpenFilesMax = 4096,
        LookEvery = TimeSpan.FromSeconds(2),
    };

    /// <summary>Servers at the same time.</summary>
    public int ServersMax { get; init; } = 100;

    /// <summary>Tools of one server; the rest of its list is not offered.</summary>
    public int ToolsPerServerMax { get; init; } = 500;

    /// <summary>From the start of a server to the end of its handshake; a first start may have to fetch the program.</summary>
    public TimeSpan StartDurationMax { get; init; } = TimeSpan.FromMinutes(2);

    /// <summary>How long a server waits for somebody to sign in.</summary>
    public TimeSpan LoginDurationMax { get; init; } = TimeSpan.FromMinutes(10);

    /// <summary>Where authorization servers send a browser back to, when that is not <c>/oauth/callback</c> of this process on this machine.</summary>
    public string? RedirectUri { get; init; }

    /// <summary>How long a program may leave the question unanswered which revision it speaks; those from before 2026-07-28 need not answer it, and are then spoken to as such.</summary>
    public TimeSpan ProbePatience { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>How long one that lists tools waits for servers that have never been seen; their tools come with the next list.</summary>
    public TimeSpan ListPatience { get; init; } = TimeSpan.FromSeconds(20);

    /// <summary>How long a call waits for a restart that is due; longer pauses are answered at once.</summary>
    public TimeSpan RestartPatience { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>The pause after the first failure; each further one doubles it.</summary>
    public TimeSpan RestartPauseMin { get; init; } = TimeSpan.FromMilliseconds(500);

    /// <summary>The longest pause.</summary>
    public TimeSpan RestartPauseMax { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>Time of one call.</summary>
    public TimeSpan CallDurationMax { get; init; } = TimeSpan.FromMinutes(2);

    /// <summary>How often a server may answer one call with questions.</summary>
    public int QuestionRoundsMax { get; init; } = 16;

    /// <summary>Items of one list of resources or prompts that are passed on.</summary>
    public int ListedMax { get; init; } = 1_000;

    /// <summary>Bytes of a result that travel in messages; a longer one becomes a file of the workspace.</summary>
    public int ContentBytesMax { get; init; } = 96 * 1024;

    /// <summary>Bytes of a result at all.</summary>
    public int ResultBytesMax { get; init; } = 32 * 1024 * 1024;
}
