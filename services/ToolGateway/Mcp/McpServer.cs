using System.Collections.Immutable;
using System.Text.RegularExpressions;
using AgentPlatform.Contracts;
using AgentPlatform.EventStore;

namespace AgentPlatform.ToolGateway.Mcp;

/// <summary>What became of an MCP server.</summary>
public abstract record McpServerEvent
{
    private McpServerEvent()
    {
    }

    /// <summary>Somebody configured it; secrets are references.</summary>
    [StoredAs("mcp-server-configured.1")]
    public sealed record Configured(string Name, McpServerEntry Entry, string By, DateTimeOffset At) : McpServerEvent;

    /// <summary>Somebody took it away, and what was pinned with it.</summary>
    [StoredAs("mcp-server-removed.1")]
    public sealed record Removed(string By, DateTimeOffset At) : McpServerEvent;

    /// <summary>It offered a tool for the first time.</summary>
    [StoredAs("mcp-tool-pinned.1")]
    public sealed record ToolPinned(McpToolDefinition Tool, DateTimeOffset At) : McpServerEvent;

    /// <summary>It offers a pinned tool with another definition; the tool is quarantined.</summary>
    [StoredAs("mcp-tool-drifted.1")]
    public sealed record ToolDrifted(McpToolDefinition Found, string PinnedSha256, DateTimeOffset At) : McpServerEvent;

    /// <summary>What it can do besides tools, when that was first seen or has changed.</summary>
    /// <param name="Methods">Of <see cref="McpMethodTool"/>.</param>
    /// <param name="At">When.</param>
    [StoredAs("mcp-server-offers.1")]
    public sealed record Offers(string[] Methods, DateTimeOffset At) : McpServerEvent;

    /// <summary>It wants somebody to sign in; where is no fact.</summary>
    /// <param name="Request">In the inbox.</param>
    /// <param name="ExpiresAt">Until when it waits.</param>
    /// <param name="At">When.</param>
    [StoredAs("mcp-login-wanted.1")]
    public sealed record LoginWanted(RequestId Request, DateTimeOffset ExpiresAt, DateTimeOffset At) : McpServerEvent;

    /// <summary>Nobody is wanted any more.</summary>
    /// <param name="Request">In the inbox.</param>
    /// <param name="How">Somebody signed in, or not.</param>
    /// <param name="At">When.</param>
    [StoredAs("mcp-login-ended.1")]
    public sealed record LoginEnded(RequestId Request, string How, DateTimeOffset At) : McpServerEvent;

    /// <summary>Somebody looked at the new definition and took it for the pinned one.</summary>
    [StoredAs("mcp-tool-approved.1")]
    public sealed record ToolApproved(string Tool, string Sha256, string By, DateTimeOffset At) : McpServerEvent;
}

/// <summary>An MCP server: how it is reached and what it offers.</summary>
/// <param name="Name">Its name; null when it never was.</param>
/// <param name="Set">How it is configured; null when it was taken away.</param>
/// <param name="Tools">What it offered so far, by name.</param>
/// <param name="Methods">What it can do besides tools; null when it was never asked.</param>
public sealed partial record McpServer(string? Name, McpServerEvent.Configured? Set, ImmutableSortedDictionary<string, McpServer.Tool> Tools, IReadOnlyList<string>? Methods = null)
{
    /// <summary>The list of servers.</summary>
    public const string List = "mcp-servers";

    /// <summary>Tag of those that exist.</summary>
    public const string Present = "present";

    /// <summary>The kind of stream.</summary>
    public static StreamKind<McpServer, McpServerEvent> Kind { get; } = new("mcp-server", new McpServer(null, null, NoTools), Evolve, Row);

    private static ImmutableSortedDictionary<string, Tool> NoTools => ImmutableSortedDictionary.Create<string, Tool>(StringComparer.Ordinal);

    /// <summary>A tool that was seen.</summary>
    /// <param name="Pinned">The definition that may be called.</param>
    /// <param name="Version">1, and one more with each approval.</param>
    /// <param name="Found">What the server offers instead; the tool is quarantined until somebody approves it.</param>
    public sealed record Tool(McpToolDefinition Pinned, int Version, McpToolDefinition? Found);

    /// <summary>A row of the list.</summary>
    public sealed record Entry(string Name);

    /// <summary>Names that can be the first part of a tool's name.</summary>
    [GeneratedRegex("^[A-Za-z0-9_-]{1,40}$", RegexOptions.ExplicitCapture | RegexOptions.NonBacktracking)]
    internal static partial Regex NamePattern();

    /// <summary>What is new in what a server offers.</summary>
    internal McpServerEvent[] Seen(IEnumerable<McpToolDefinition> offered, IReadOnlyList<string> methods, DateTimeOffset now) => Set is null ? [] :
    [
        .. Methods is not null && Methods.SequenceEqual(methods) ? (McpServerEvent[])[] : [new McpServerEvent.Offers([.. methods], now)],
        .. offered.Select(tool =>
            !Tools.TryGetValue(tool.Name, out var known) ? new McpServerEvent.ToolPinned(tool, now)
            : (known.Found ?? known.Pinned).Sha256 == tool.Sha256 ? null
            : (McpServerEvent)new McpServerEvent.ToolDrifted(tool, known.Pinned.Sha256, now)).OfType<McpServerEvent>(),
    ];

    private static McpServer Evolve(McpServer server, McpServerEvent fact) => fact switch
    {
        McpServerEvent.Configured set => server with { Name = set.Name, Set = set },
        McpServerEvent.Removed => server with { Set = null, Tools = NoTools, Methods = null },
        McpServerEvent.Offers offers => server with { Methods = offers.Methods },
        McpServerEvent.ToolPinned pinned => server with { Tools = server.Tools.SetItem(pinned.Tool.Name, new Tool(pinned.Tool, 1, null)) },
        McpServerEvent.ToolDrifted drifted => server with { Tools = server.Tools.SetItem(drifted.Found.Name, server.Tools[drifted.Found.Name] with { Found = drifted.Found }) },

        // Offered as pinned again after a drift, it stays in quarantine: whoever turns back and forth is to be looked at.
        McpServerEvent.ToolApproved approved when server.Tools.TryGetValue(approved.Tool, out var tool) && tool.Found is { } found && found.Sha256 == approved.Sha256 =>
            server with { Tools = server.Tools.SetItem(approved.Tool, new Tool(found, tool.Version + 1, null)) },
        _ => server,
    };

    private static ViewRow? Row(McpServer server) => server.Name is { } name ? new ViewRow(List, name, name, server.Set is null ? "removed" : Present, new Entry(name)) : null;
}
