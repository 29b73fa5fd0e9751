namespace AgentPlatform.ToolGateway.Mcp.Serving;

/// <summary>Bounds of the gateway as an MCP server (<c>ToolGateway:Mcp:Serving</c>).</summary>
public sealed record ServingOptions
{
    /// <summary>Sessions of this process at the same time; the one that was idle longest makes room.</summary>
    public int SessionsMax { get; init; } = 1_000;

    /// <summary>Sessions of one principal; the one that was idle longest makes room.</summary>
    public int SessionsPerPrincipalMax { get; init; } = 100;

    /// <summary>A session that nobody used for so long has ended; its client opens another.</summary>
    public TimeSpan SessionIdleMax { get; init; } = TimeSpan.FromMinutes(30);

    /// <summary>Bytes of one message from a client.</summary>
    public long MessageBytesMax { get; init; } = 4 * 1024 * 1024;

    /// <summary>Streams of one session that can be resumed; the oldest is forgotten first.</summary>
    public int StreamsKeptMax { get; init; } = 64;

    /// <summary>Events of one stream that can be sent again; the oldest is forgotten first.</summary>
    public int EventsKeptMax { get; init; } = 256;

    /// <summary>Bytes of one stream's events that can be sent again; the oldest is forgotten first.</summary>
    public int EventBytesKeptMax { get; init; } = 1024 * 1024;

    /// <summary>When a client whose connection broke comes back.</summary>
    public TimeSpan ReconnectAfter { get; init; } = TimeSpan.FromMilliseconds(500);

    /// <summary>How long a server behind the gateway waits for what it asked a client.</summary>
    public TimeSpan AnswerPatience { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>How long the answer to a call waits for what was told under way, which takes another way; it waits so long only where a process died in mid-call.</summary>
    public TimeSpan LastWordsPatience { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>Things told about one call that wait to be sent on; more are dropped, as nobody reads them.</summary>
    public int ToldMax { get; init; } = 1_000;

    /// <summary>Bytes of a client's description of what it can do.</summary>
    public int CapabilitiesBytesMax { get; init; } = 8 * 1024;

    /// <summary>Names besides those of this machine itself that a request over the loopback interface may be for.</summary>
    public string[] HostsAllowed { get; init; } = [];

    /// <summary>Web pages besides those of this machine that may call, as <c>https://host:port</c>.</summary>
    public string[] OriginsAllowed { get; init; } = [];
}
