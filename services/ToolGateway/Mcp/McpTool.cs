using System.Globalization;
using AgentPlatform.ToolGateway.Toolkits;
using ModelContextProtocol;

namespace AgentPlatform.ToolGateway.Mcp;

/// <summary>
/// A pinned tool of an MCP server. What the server says about itself counts only where it makes us more careful, unless the operator trusts it: an annotation is
/// the server's own word.
/// </summary>
internal sealed class McpTool(string server, McpServer.Tool tool, bool trusted, McpConnection connection, McpOptions options) : ITool
{
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

    public async Task<ToolOutput> Run(ToolCall call, CancellationToken ct)
    {
        McpSession session;
        try
        {
            session = await connection.Open(ct);
        }
        catch (McpUnavailableException e)
        {
            return ToolOutput.Failed(FailureClass.Unavailable, e.Message, retryable: true);
        }

        // What the server offers now, not what is on record: between the two there is always a moment.
        if (!session.Offered.TryGetValue(tool.Pinned.Name, out var offered))
        {
            return ToolOutput.Failed(FailureClass.NotFound, $"The MCP server '{server}' offers no tool '{tool.Pinned.Name}' any more");
        }

        if (offered.Sha256 != tool.Pinned.Sha256)
        {
            return ToolOutput.Failed(FailureClass.Quarantined, Quarantined(offered));
        }

        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(ct);
        var timeout = call.Timeout is { } given && given < options.CallDurationMax ? given : options.CallDurationMax;
        deadline.CancelAfter(timeout);
        try
        {
            var result = await McpCall.Run(session, tool.Pinned.Name, call.Arguments, call.OnLine, deadline.Token);
            connection.Worked();
            return await McpResult.Read(result, call, Spec, session.Secrets, options, ct);
        }
        catch (McpProtocolException e)
        {
            // The server answered, with an error: it has dealt with the call.
            connection.Worked();
            return ToolOutput.Failed(
                e.ErrorCode is McpErrorCode.InvalidParams or McpErrorCode.MethodNotFound ? FailureClass.InvalidArguments : FailureClass.Failed, McpResult.Masked(e.Message, session.Secrets));
        }
        catch (OperationCanceledException) when (!ct.IsCancellationRequested)
        {
            return ToolOutput.Failed(FailureClass.UnknownOutcome, $"{Spec.Id} did not answer within {timeout.TotalSeconds:0.#} s and was told to stop; whether its effect happened is unknown", retryable: true);
        }
        catch (Exception e) when (e is IOException or HttpRequestException or McpException or InvalidOperationException or ObjectDisposedException)
        {
            var why = McpResult.Masked(e.Message, session.Secrets);
            await connection.Broke(session, why);
            return e is HttpRequestException { HttpRequestError: HttpRequestError.ConnectionError } or HttpRequestException { StatusCode: >= System.Net.HttpStatusCode.BadRequest and < System.Net.HttpStatusCode.InternalServerError }
                ? ToolOutput.Failed(FailureClass.Unavailable, $"The MCP server '{server}' did not take the call: {why}", retryable: true)
                : ToolOutput.Failed(FailureClass.UnknownOutcome, $"The MCP server '{server}' went away while {Spec.Id} ran ({why}); whether its effect happened is unknown", retryable: true);
        }
    }

    private string Quarantined(McpToolDefinition found) =>
        $"{server}.{tool.Pinned.Name} is quarantined: it is not what it was when it was pinned. Its {McpToolDefinition.Difference(tool.Pinned, found)}. " +
        $"If that is wanted, POST /v1/mcp-servers/{server}/approve with the hash {found.Sha256}";
}
