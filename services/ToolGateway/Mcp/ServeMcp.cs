using System.Security.Claims;
using System.Text.Json;
using AgentPlatform.Contracts;
using AgentPlatform.ServiceDefaults;
using AgentPlatform.ToolGateway.Invocations;
using AgentPlatform.ToolGateway.Mcp.Callers;
using AgentPlatform.ToolGateway.Mcp.Serving;
using AgentPlatform.ToolGateway.Registry;
using AgentPlatform.ToolGateway.Toolkits;
using ModelContextProtocol;
using ModelContextProtocol.Protocol;
using ModelContextProtocol.Server;

namespace AgentPlatform.ToolGateway.Mcp;

/// <summary>The gateway as an MCP server with every tool that a principal may ask for. Each call goes the way of every call.</summary>
internal sealed class ServeMcp(OfferedTools offered, CallTool calls, ServeCall serve, ToolRegistry registry, TimeProvider time)
{
    /// <summary>Tells what became of a call that was held or took long.</summary>
    public const string ResultTool = "invocations.result";

    /// <summary>How a server for one principal answers.</summary>
    public Served All(Caller who) => new(new McpServerOptions
    {
        ServerInfo = new Implementation { Name = "agentplatform", Title = "AgentPlatform ToolGateway", Version = "1" },
        ServerInstructions = $"Tools run under policy. A call that waits for a human's approval is answered with its id; ask for its result with {ResultTool}.",
        Capabilities = new ServerCapabilities { Tools = new ToolsCapability(), Logging = new LoggingCapability() },
        Handlers = new McpServerHandlers
        {
            ListToolsHandler = async (_, ct) => new ListToolsResult { Tools = [.. (await offered.To(who.Name, who.Role, time.GetUtcNow(), ct)).Select(tool => Describe(tool.Spec, tool.Spec.FullName)), Results] },
            CallToolHandler = (context, ct) => new ValueTask<CallToolResult>(Call(context, who, ct)),
            SetLoggingLevelHandler = static (_, _) => ValueTask.FromResult(new EmptyResult()),
        },
    }, tool => registry.Find(tool)?.Spec.InputSchema);

    /// <summary>A tool as clients see it.</summary>
    public static Tool Describe(ToolSpec spec, string name) => new()
    {
        Name = name,
        Title = spec.Title,
        Description = spec.Description,
        InputSchema = spec.InputSchema,
        Annotations = new ToolAnnotations { ReadOnlyHint = spec.ReadOnly, IdempotentHint = spec.Idempotent, DestructiveHint = spec.Destructive, OpenWorldHint = spec.OpenWorld },
    };

    private static Tool Results => new()
    {
        Name = ResultTool,
        Title = "Result of a call",
        Description = "Tells what became of a tool call that was answered as pending: its result, or that it still waits.",
        InputSchema = JsonSerializer.Deserialize<JsonElement>(
            """{"type":"object","properties":{"invocation":{"type":"string","description":"The id from the pending answer."}},"required":["invocation"],"additionalProperties":false}"""),
        Annotations = new ToolAnnotations { ReadOnlyHint = true, OpenWorldHint = false },
    };

    private async Task<CallToolResult> Call(RequestContext<CallToolRequestParams> context, Caller who, CancellationToken ct)
    {
        var asked = context.Params ?? throw new McpProtocolException("tools/call needs a name", McpErrorCode.InvalidParams);
        try
        {
            var arguments = JsonSerializer.SerializeToElement(asked.Arguments ?? new Dictionary<string, JsonElement>());
            var view = asked.Name == ResultTool ? await Earlier(arguments, who, ct) : await serve.Run(context, asked.Name, arguments, who, ct);
            return CallAnswer.Of(view, registry.Find(view.Tool) is McpTool);
        }
        catch (ProblemException e)
        {
            return CallAnswer.Refused(e);
        }
    }

    // Only one's own: an id is no secret.
    private async Task<InvocationView> Earlier(JsonElement arguments, Caller who, CancellationToken ct)
    {
        var text = arguments.TryGetProperty("invocation", out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;
        return InvocationId.TryParse(text, null, out var id) && (await calls.Known(id, ct)).Request.Call.Principal == who.Name
            ? await calls.Get(id, ct)
            : throw new ProblemException(404, "invocation-not-found", $"You made no call '{text}'; give the id of the pending answer as 'invocation'");
    }
}

/// <summary>On whose behalf a client calls, and where its files are.</summary>
internal sealed record Caller(string Name, string Role, WorkspaceId Workspace)
{
    /// <param name="who">The principal.</param>
    /// <param name="workspace">Named by the client; without one, each principal has one of its own: what a client wrote is there when it comes back.</param>
    public static Caller Of(ClaimsPrincipal who, WorkspaceId? workspace)
    {
        var name = who.Identity?.Name ?? "unknown";
        return new Caller(name, who.FindFirstValue(ClaimTypes.Role) ?? "unknown", workspace ?? new WorkspaceId(DerivedId.Of($"MCP workspace of {name}")));
    }
}
