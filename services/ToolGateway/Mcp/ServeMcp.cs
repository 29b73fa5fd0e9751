using System.Security.Claims;
using System.Text.Json;
using System.Text.Json.Nodes;
using AgentPlatform.Contracts;
using AgentPlatform.ServiceDefaults;
using AgentPlatform.ToolGateway.Invocations;
using AgentPlatform.ToolGateway.Registry;
using AgentPlatform.ToolGateway.Toolkits;
using ModelContextProtocol;
using ModelContextProtocol.Protocol;
using ModelContextProtocol.Server;

namespace AgentPlatform.ToolGateway.Mcp;

/// <summary>The gateway as an MCP server: what a principal may ask for, and calls that go the way of every call.</summary>
internal sealed class ServeMcp(OfferedTools offered, CallTool calls, ToolRegistry registry, TimeProvider time)
{
    /// <summary>Tells what became of a call that was held or took long.</summary>
    public const string ResultTool = "invocations.result";

    /// <summary>How a server for one principal answers.</summary>
    public McpServerOptions Options(ClaimsPrincipal who, WorkspaceId? workspace)
    {
        var (name, role) = (who.Identity?.Name ?? "unknown", who.FindFirstValue(ClaimTypes.Role) ?? "unknown");

        // One for each principal, unless it names another: what a client wrote is there when it comes back.
        var folder = workspace ?? new WorkspaceId(DerivedId.Of($"MCP workspace of {name}"));
        return new McpServerOptions
        {
            ServerInfo = new Implementation { Name = "agentplatform", Title = "AgentPlatform ToolGateway", Version = "1" },
            ServerInstructions = $"Tools run under policy. A call that waits for a human's approval is answered with its id; ask for its result with {ResultTool}.",
            Capabilities = new ServerCapabilities { Tools = new ToolsCapability() },
            Handlers = new McpServerHandlers
            {
                ListToolsHandler = async (_, ct) => new ListToolsResult { Tools = [.. (await offered.To(name, role, time.GetUtcNow(), ct)).Select(tool => Describe(tool.Spec)), Results] },
                CallToolHandler = (context, ct) => new ValueTask<CallToolResult>(Call(context.Params, name, role, folder, ct)),
            },
        };
    }

    private static Tool Results => new()
    {
        Name = ResultTool,
        Title = "Result of a call",
        Description = "Tells what became of a tool call that was answered as pending: its result, or that it still waits.",
        InputSchema = JsonSerializer.Deserialize<JsonElement>(
            """{"type":"object","properties":{"invocation":{"type":"string","description":"The id from the pending answer."}},"required":["invocation"],"additionalProperties":false}"""),
        Annotations = new ToolAnnotations { ReadOnlyHint = true, OpenWorldHint = false },
    };

    private static Tool Describe(ToolSpec spec) => new()
    {
        Name = spec.FullName,
        Title = spec.Title,
        Description = spec.Description,
        InputSchema = spec.InputSchema,
        Annotations = new ToolAnnotations { ReadOnlyHint = spec.ReadOnly, IdempotentHint = spec.Idempotent, DestructiveHint = spec.Destructive, OpenWorldHint = spec.OpenWorld },
    };

    private async Task<CallToolResult> Call(CallToolRequestParams? asked, string name, string role, WorkspaceId workspace, CancellationToken ct)
    {
        if (asked is null)
        {
            throw new McpProtocolException("tools/call needs a name", McpErrorCode.InvalidParams);
        }

        try
        {
            var arguments = JsonSerializer.SerializeToElement(asked.Arguments ?? new Dictionary<string, JsonElement>());
            return Answer(asked.Name == ResultTool
                ? await Earlier(arguments, name, ct)
                : await calls.Run(new InvokeTool(InvocationId.New(), workspace, Run: null, Task: null, Attempt: 1, asked.Name, arguments, name, role, Idempotent: false, TimeoutSeconds: null), ct));
        }
        catch (ProblemException e)
        {
            return Failed(e.Message, new JsonObject { ["class"] = e.Slug });
        }
    }

    // Only one's own: an id is no secret.
    private async Task<InvocationView> Earlier(JsonElement arguments, string name, CancellationToken ct)
    {
        var text = arguments.TryGetProperty("invocation", out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;
        return InvocationId.TryParse(text, null, out var id) && (await calls.Known(id, ct)).Request.Call.Principal == name
            ? await calls.Get(id, ct)
            : throw new ProblemException(404, "invocation-not-found", $"You made no call '{text}'; give the id of the pending answer as 'invocation'");
    }

    private CallToolResult Answer(InvocationView view)
    {
        var about = new JsonObject { ["invocation"] = view.Id.ToString(), ["tool"] = view.Tool, ["state"] = JsonNamingPolicy.SnakeCaseLower.ConvertName(view.State.ToString()) };
        if (view.Outcome is not { } outcome)
        {
            var held = view.State == InvocationState.WaitingApproval;
            var request = held ? new Contracts.RequestId(view.Id.Value).ToString() : null;
            if (held)
            {
                about["request"] = request;
            }

            return new CallToolResult
            {
                Content = [new TextContentBlock { Text = held
                    ? $"Pending: {view.Tool} waits for a human's approval, request {request} ({view.Verdict?.Reason}). It runs by itself when it is approved. Ask {ResultTool} with invocation {view.Id} for the result; do not call it again."
                    : $"Pending: {view.Tool} still runs. Ask {ResultTool} with invocation {view.Id} for the result; do not call it again." }],
                StructuredContent = JsonSerializer.SerializeToElement(about),
            };
        }

        about["outcome"] = JsonSerializer.SerializeToNode(outcome.Status, ContractJson.Options);
        if (outcome.Error is { } error)
        {
            about["class"] = error.Class;
            about["retryable"] = error.Retryable;
            about["content"] = JsonNode.Parse(outcome.Content.GetRawText());
            return Failed(error.Message, about);
        }

        // What came from an MCP server is a result already.
        return registry.Find(view.Tool) is McpTool && outcome.Content.TryGetProperty("content", out _)
            ? outcome.Content.Deserialize<CallToolResult>(McpJsonUtilities.DefaultOptions)!
            : new CallToolResult
            {
                Content = [new TextContentBlock { Text = outcome.Content.GetRawText() }],
                StructuredContent = outcome.Content.ValueKind == JsonValueKind.Object ? outcome.Content : null,
            };
    }

    private static CallToolResult Failed(string message, JsonObject about) =>
        new() { IsError = true, Content = [new TextContentBlock { Text = message }], StructuredContent = JsonSerializer.SerializeToElement(about) };
}
