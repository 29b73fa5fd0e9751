using System.Text.Json;
using System.Text.Json.Nodes;
using ModelContextProtocol;
using ModelContextProtocol.Client;
using ModelContextProtocol.Protocol;

namespace AgentPlatform.ToolGateway.Mcp;

/// <summary>
/// One request to a server with an id of ours: the SDK's own call tells the server nothing when it is cancelled, and the tool would go on working. A server that
/// answers with questions (2026-07-28) gets its answers with the same request again.
/// </summary>
internal static class McpCall
{
    private static readonly TimeSpan CancelDurationMax = TimeSpan.FromSeconds(2);

    /// <param name="session">The server.</param>
    /// <param name="method">For example <c>tools/call</c>.</param>
    /// <param name="content">Its parameters.</param>
    /// <param name="call">Who waits.</param>
    /// <param name="options">Bounds.</param>
    /// <param name="ct">Cancels, and tells the server.</param>
    /// <exception cref="McpProtocolException">The server answered with an error, or with something that is no answer.</exception>
    public static async Task<JsonObject> Run(McpSession session, string method, JsonObject content, McpRunning call, McpOptions options, CancellationToken ct)
    {
        var (answers, state) = ((JsonObject?)null, (JsonNode?)null);
        for (var round = 0; ; round++)
        {
            var result = await Send(session, method, content, answers, state, call, ct);
            if (result[McpWire.Asked] is not JsonObject question)
            {
                return result;
            }

            if (round >= options.QuestionRoundsMax)
            {
                throw new McpProtocolException($"The server still asks for input after {round} answers; that is the most (ToolGateway:Mcp:QuestionRoundsMax)", McpErrorCode.InvalidRequest);
            }

            state = question["requestState"]?.DeepClone();
            answers = question["inputRequests"] is JsonObject { Count: > 0 } asked
                ? await call.Ask(asked, session.Secrets, ct) ?? throw new McpProtocolException("The server asks for input, and nobody answered", McpErrorCode.InvalidRequest)
                : state is null ? throw new McpProtocolException("The server asks for input, and not for which", McpErrorCode.InvalidRequest) : [];
        }
    }

    private static async Task<JsonObject> Send(McpSession session, string method, JsonObject content, JsonObject? answers, JsonNode? state, McpRunning call, CancellationToken ct)
    {
        var id = Guid.CreateVersion7().ToString("N");
        call.Token = id;
        var request = new JsonRpcRequest { Id = new RequestId(id), Method = method, Params = content.DeepClone() };
        var parameters = (JsonObject)request.Params;
        parameters["_meta"] = Meta(session, call, id);
        if (answers is not null)
        {
            parameters["inputResponses"] = answers.DeepClone();
        }

        if (state is not null)
        {
            parameters["requestState"] = state.DeepClone();
        }

        try
        {
            return (await session.Client.SendRequestAsync(request, ct)).Result as JsonObject ?? throw new McpProtocolException("The server answered something else than a result", McpErrorCode.InvalidRequest);
        }
        catch (OperationCanceledException)
        {
            await Cancel(session.Client, request.Id);
            throw;
        }
        catch (JsonException e)
        {
            throw new McpProtocolException($"The server's answer cannot be read: {e.Message}", e, McpErrorCode.InternalError);
        }
    }

    // Since 2026-07-28 each request says what can be asked on its behalf; before that, the connection did, for all of them.
    private static JsonObject Meta(McpSession session, McpRunning call, string id)
    {
        var meta = new JsonObject { ["progressToken"] = id };
        if (session.IsStateless)
        {
            meta[McpWire.Capabilities] = call.Capabilities();
            if (call.Call.Caller?.LogLevel is { } level)
            {
                meta["io.modelcontextprotocol/logLevel"] = level;
            }
        }

        return meta;
    }

    private static async Task Cancel(McpClient client, RequestId id)
    {
        using var patience = new CancellationTokenSource(CancelDurationMax);
        try
        {
            await client.SendNotificationAsync(NotificationMethods.CancelledNotification, new CancelledNotificationParams { RequestId = id, Reason = "nobody waits for it any more" }, cancellationToken: patience.Token);
        }
        catch (Exception e) when (e is OperationCanceledException or IOException or HttpRequestException or McpException or InvalidOperationException)
        {
            // A server that cannot be told has lost the call with the connection.
        }
    }
}
