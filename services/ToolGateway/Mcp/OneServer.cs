using System.Collections.Concurrent;
using System.Text.Json;
using System.Text.Json.Nodes;
using AgentPlatform.Contracts;
using AgentPlatform.ServiceDefaults;
using AgentPlatform.ToolGateway.Registry;
using AgentPlatform.ToolGateway.Toolkits;
using ModelContextProtocol;
using ModelContextProtocol.Protocol;
using ModelContextProtocol.Server;

namespace AgentPlatform.ToolGateway.Mcp;

/// <summary>What a client of one server behind the gateway may ask.</summary>
internal sealed class OneServer(
    OfferedTools offered, ServeCall serve, McpOptions options, TimeProvider time, string name, Caller who, McpConnection connection, ConcurrentDictionary<string, bool> watched)
{
    public async Task<IEnumerable<ITool>> Offered(CancellationToken ct) =>
        (await offered.To(who.Name, who.Role, time.GetUtcNow(), ct)).Where(tool => tool.Spec.Server == name);

    public async Task<CallToolResult> Call(RequestContext<CallToolRequestParams> context, CancellationToken ct)
    {
        var asked = context.Params ?? throw new McpProtocolException("tools/call needs a name", McpErrorCode.InvalidParams);
        try
        {
            var view = await serve.Run(context, $"{name}.{asked.Name}", JsonSerializer.SerializeToElement(asked.Arguments ?? new Dictionary<string, JsonElement>()), who, ct);
            ThrowIfRefusedThere(view);
            return view.Outcome?.Error is { Class: "not_found" } ? throw new McpProtocolException($"There is no tool '{asked.Name}'", McpErrorCode.InvalidParams) : CallAnswer.Of(view, isResult: true);
        }
        catch (ProblemException e)
        {
            return CallAnswer.Refused(e);
        }
    }

    public async Task<TResult> Ask<TParams, TResult>(RequestContext<TParams> context, string method, CancellationToken ct)
        where TParams : RequestParams
    {
        // Only what the method takes: what belongs to this request stays with it.
        var arguments = JsonSerializer.SerializeToNode(context.Params, McpJsonUtilities.DefaultOptions)?.AsObject() ?? [];
        foreach (var own in (string[])["_meta", "inputResponses", "requestState"])
        {
            arguments.Remove(own);
        }

        InvocationView view;
        try
        {
            view = await serve.Run(context, $"{name}.{method}", JsonSerializer.SerializeToElement(arguments), who, ct);
        }
        catch (ProblemException e)
        {
            throw new McpProtocolException(e.Message, e, McpErrorCode.InvalidParams);
        }

        ThrowIfRefusedThere(view);
        return view.Outcome switch
        {
            null => throw new McpProtocolException(CallAnswer.Pending(view), McpErrorCode.InvalidRequest),
            { Error: { } error } => throw new McpProtocolException(error.Message, error.Class == "invalid_arguments" ? McpErrorCode.InvalidParams : McpErrorCode.InternalError),
            { Artifacts: [var file, ..] } => throw new McpProtocolException($"The answer is too long for a message; it is the file {file.Path} of the workspace", McpErrorCode.InternalError),
            { Content: var content } => content.Deserialize<TResult>(McpJsonUtilities.DefaultOptions)!,
        };
    }

    // A list tells what there is, as tools/list does; what is in it is had by an invocation.
    public async Task<TResult> List<TResult>(string method, string tool, string items, RequestParams? asked, CancellationToken ct)
    {
        JsonObject result = new() { [items] = new JsonArray() };
        if ((await Offered(ct)).Any(t => t.Spec.Name == tool))
        {
            try
            {
                var session = await connection.Open(ct);
                using var patience = CancellationTokenSource.CreateLinkedTokenSource(ct);
                patience.CancelAfter(options.StartDurationMax);
                var parameters = (asked as PaginatedRequestParams)?.Cursor is { } cursor ? new JsonObject { ["cursor"] = cursor } : [];
                var answer = (await session.Client.SendRequestAsync(new JsonRpcRequest { Method = method, Params = parameters }, patience.Token)).Result;
                result = JsonNode.Parse(McpResult.Masked(answer?.ToJsonString(McpJsonUtilities.DefaultOptions) ?? "{}", session.Secrets)) as JsonObject ?? result;
            }
            catch (Exception e) when (e is McpUnavailableException or IOException or HttpRequestException or InvalidOperationException || (e is OperationCanceledException && !ct.IsCancellationRequested))
            {
                throw new McpProtocolException($"The MCP server '{name}' cannot be asked now: {connection.Trouble ?? e.GetType().Name}", e, McpErrorCode.InternalError);
            }
        }

        if (result[items] is JsonArray { Count: var count } list && count > options.ListedMax)
        {
            result[items] = new JsonArray([.. list.Take(options.ListedMax).Select(item => item?.DeepClone())]);
        }

        return result.Deserialize<TResult>(McpJsonUtilities.DefaultOptions)!;
    }

    public EmptyResult Watch(string uri)
    {
        if (watched.Count >= options.ListedMax)
        {
            throw new McpProtocolException($"At most {options.ListedMax} resources are watched in one session", McpErrorCode.InvalidParams);
        }

        watched[uri] = true;
        return new EmptyResult();
    }

    private static void ThrowIfRefusedThere(InvocationView view)
    {
        if (view.Outcome is { Error: { } error, Content: var content } && McpError.Of(content, error.Message) is { } refused)
        {
            throw refused;
        }
    }
}
