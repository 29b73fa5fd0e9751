using System.Globalization;
using System.Text.Json.Nodes;
using AgentPlatform.ToolGateway.Toolkits;
using ModelContextProtocol.Protocol;

namespace AgentPlatform.ToolGateway.Mcp;

/// <summary>
/// A pinned tool of an MCP server. What the server says about itself counts only where it makes us more careful, unless the operator trusts it: an annotation is
/// the server's own word.
/// </summary>
internal sealed class McpTool(string server, McpServer.Tool tool, bool trusted, McpConnection connection, McpOptions options) : ITool
{
    /// <summary>What the server itself calls it.</summary>
    public string NameThere => tool.Pinned.Name;

    public ToolSpec Spec { get; } = new()
    {
        Server = server,
        Name = tool.Pinned.Name,
        Version = tool.Version.ToString(CultureInfo.InvariantCulture),
        Title = tool.Pinned.Title ?? tool.Pinned.Name,
        Description = tool.Pinned.Description ?? string.Empty,
        InputSchema = tool.Pinned.InputSchema,
        ReadOnly = trusted && tool.Pinned.ReadOnlyHint is true,
        Idempotent = trusted && tool.Pinned.IdempotentHint is true,
        Destructive = !(trusted && (tool.Pinned.ReadOnlyHint is true || tool.Pinned.DestructiveHint is false)),
        OpenWorld = !(trusted && tool.Pinned.OpenWorldHint is false),
        TimeoutDefault = options.CallDurationMax,
    };

    public string? Withheld => tool.Found is { } found ? Quarantined(found) : null;

    public Task<ToolOutput> Run(ToolCall call, CancellationToken ct) => McpRequest.Run(
        connection,
        RequestMethods.ToolsCall,
        new JsonObject { ["name"] = tool.Pinned.Name, ["arguments"] = JsonNode.Parse(call.Arguments.GetRawText()) },
        Spec,
        call,
        options,
        Changed,
        ct);

    // What the server offers now, not what is on record: between the two there is always a moment.
    private ToolOutput? Changed(McpSession session) =>
        !session.Offered.TryGetValue(tool.Pinned.Name, out var offered) ? ToolOutput.Failed(FailureClass.NotFound, $"The MCP server '{server}' offers no tool '{tool.Pinned.Name}' any more")
        : offered.Sha256 != tool.Pinned.Sha256 ? ToolOutput.Failed(FailureClass.Quarantined, Quarantined(offered))
        : null;

    private string Quarantined(McpToolDefinition found) =>
        $"{server}.{tool.Pinned.Name} is quarantined: it is not what it was when it was pinned. Its {McpToolDefinition.Difference(tool.Pinned, found)}. " +
        $"If that is wanted, POST /v1/mcp-servers/{server}/approve with the hash {found.Sha256}";
}
