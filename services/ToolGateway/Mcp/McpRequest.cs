using System.Text.Json;
using System.Text.Json.Nodes;
using AgentPlatform.ToolGateway.Mcp.Authorization;
using AgentPlatform.ToolGateway.Toolkits;
using ModelContextProtocol;

namespace AgentPlatform.ToolGateway.Mcp;

/// <summary>Carries a call to a server and turns whatever comes of it into what a tool answers.</summary>
internal static class McpRequest
{
    /// <param name="connection">The server.</param>
    /// <param name="method">For example <c>tools/call</c>.</param>
    /// <param name="content">Its parameters.</param>
    /// <param name="spec">What the call is known as.</param>
    /// <param name="call">The call.</param>
    /// <param name="options">Bounds.</param>
    /// <param name="check">Why it must not be sent now, or null.</param>
    /// <param name="ct">Cancels.</param>
    public static async Task<ToolOutput> Run(
        McpConnection connection, string method, JsonObject content, ToolSpec spec, ToolCall call, McpOptions options, Func<McpSession, ToolOutput?> check, CancellationToken ct)
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

        return check(session) is { } refused ? refused : await Send(connection, session, method, content, spec, call, options, ct) with { Layers = session.Layers };
    }

    private static async Task<ToolOutput> Send(
        McpConnection connection, McpSession session, string method, JsonObject content, ToolSpec spec, ToolCall call, McpOptions options, CancellationToken ct)
    {
        var timeout = call.Timeout is { } given && given < options.CallDurationMax ? given : options.CallDurationMax;
        using var running = new McpRunning(call, timeout, ct);
        using var entered = session.Calls.Enter(running);
        try
        {
            var result = await McpCall.Run(session, method, content, running, options, running.Ends);
            connection.Worked();
            return await McpResult.Read(result, call, spec, session.Secrets, options, ct);
        }
        catch (McpProtocolException e)
        {
            // The server answered, with an error: it has dealt with the call.
            connection.Worked();
            return McpError.Output(e, session.Secrets);
        }
        catch (McpLoginException e)
        {
            return ToolOutput.Failed(FailureClass.Unavailable, $"The MCP server '{spec.Server}' did not take the call: {e.Message}", retryable: true);
        }
        catch (OperationCanceledException) when (!ct.IsCancellationRequested)
        {
            return ToolOutput.Failed(FailureClass.UnknownOutcome, $"{spec.Id} did not answer within {timeout.TotalSeconds:0.#} s and was told to stop; whether its effect happened is unknown", retryable: true);
        }
        catch (Exception e) when (e is IOException or HttpRequestException or McpException or InvalidOperationException or ObjectDisposedException)
        {
            var why = McpResult.Masked(e.Message, session.Secrets);
            await connection.Broke(session, why);
            return e is HttpRequestException { HttpRequestError: HttpRequestError.ConnectionError } or HttpRequestException { StatusCode: >= System.Net.HttpStatusCode.BadRequest and < System.Net.HttpStatusCode.InternalServerError }
                ? ToolOutput.Failed(FailureClass.Unavailable, $"The MCP server '{spec.Server}' did not take the call: {why}", retryable: true)
                : ToolOutput.Failed(FailureClass.UnknownOutcome, $"The MCP server '{spec.Server}' went away while {spec.Id} ran ({why}); whether its effect happened is unknown", retryable: true);
        }
    }
}

/// <summary>An error of the protocol on its way through a record: what a server refused is refused with the same code to a client of <c>/mcp/servers/NAME</c>.</summary>
internal static class McpError
{
    private const string Member = "rpcError";

    public static ToolOutput Output(McpProtocolException error, IReadOnlyDictionary<string, string> secrets)
    {
        var message = McpResult.Masked(error.Message, secrets);
        var told = new JsonObject { ["code"] = (int)error.ErrorCode };
        if (error is MissingRequiredClientCapabilityException missing)
        {
            told["requiredCapabilities"] = JsonSerializer.SerializeToNode(missing.RequiredCapabilities, McpJsonUtilities.DefaultOptions);
        }

        var data = new JsonObject();
        foreach (System.Collections.DictionaryEntry about in error.Data)
        {
            if (about.Key is string name)
            {
                data[name] = McpResult.Masked(about.Value?.ToString() ?? string.Empty, secrets);
            }
        }

        if (data.Count > 0)
        {
            told["data"] = data;
        }

        var kind = error.ErrorCode is McpErrorCode.InvalidParams or McpErrorCode.MethodNotFound ? FailureClass.InvalidArguments : FailureClass.Failed;
        return new ToolOutput(JsonSerializer.SerializeToElement(new JsonObject { [Member] = told }), [], new ToolFailure(kind, message, Retryable: false));
    }

    /// <summary>The error a server answered with, if that is what came of a call.</summary>
    public static McpProtocolException? Of(JsonElement content, string message)
    {
        if (Made(content, message) is not { } error)
        {
            return null;
        }

        if (content.GetProperty(Member).TryGetProperty("data", out var data))
        {
            foreach (var about in data.EnumerateObject())
            {
                error.Data[about.Name] = about.Value.GetString();
            }
        }

        return error;
    }

    private static McpProtocolException? Made(JsonElement content, string message) =>
        content.ValueKind != JsonValueKind.Object || !content.TryGetProperty(Member, out var told) || !told.TryGetProperty("code", out var code) ? null
        : told.TryGetProperty("requiredCapabilities", out var required)
            ? new MissingRequiredClientCapabilityException(required.Deserialize<ModelContextProtocol.Protocol.ClientCapabilities>(McpJsonUtilities.DefaultOptions)!, message)
            : new McpProtocolException(message, (McpErrorCode)code.GetInt32());
}
