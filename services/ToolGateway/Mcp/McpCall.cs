using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using AgentPlatform.ToolGateway.Sandbox;
using ModelContextProtocol;
using ModelContextProtocol.Client;
using ModelContextProtocol.Protocol;

namespace AgentPlatform.ToolGateway.Mcp;

/// <summary>
/// One <c>tools/call</c> as a request with an id of ours: the SDK's own call tells the server nothing when it is cancelled, and the tool would go on working.
/// </summary>
internal static class McpCall
{
    private static readonly TimeSpan CancelDurationMax = TimeSpan.FromSeconds(2);

    public static async Task<CallToolResult> Run(McpSession session, string tool, JsonElement arguments, Action<OutputLine>? onLine, CancellationToken ct)
    {
        var id = Guid.CreateVersion7().ToString("N");
        var token = new ProgressToken(id);
        await using var listening = session.Client.RegisterNotificationHandler(NotificationMethods.ProgressNotification, (notification, _) =>
        {
            if (onLine is not null && notification.Params.Deserialize<ProgressNotificationParams>(McpJsonUtilities.DefaultOptions) is { } told && told.ProgressToken == token)
            {
                onLine(new OutputLine(IsError: false, McpResult.Masked(Line(told.Progress), session.Secrets)));
            }

            return ValueTask.CompletedTask;
        });
        var request = new JsonRpcRequest
        {
            Id = new RequestId(id),
            Method = RequestMethods.ToolsCall,
            Params = new JsonObject { ["name"] = tool, ["arguments"] = JsonNode.Parse(arguments.GetRawText()), ["_meta"] = new JsonObject { ["progressToken"] = id } },
        };
        try
        {
            var response = await session.Client.SendRequestAsync(request, ct);
            return response.Result?["content"] is JsonArray
                ? response.Result.Deserialize<CallToolResult>(McpJsonUtilities.DefaultOptions)!
                : throw new McpProtocolException("The server answered something else than a result; if it asks for input, that is not supported yet", McpErrorCode.InvalidRequest);
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

    private static string Line(ProgressNotificationValue progress)
    {
        var share = progress.Total is { } total ? string.Create(CultureInfo.InvariantCulture, $"{progress.Progress:0.##}/{total:0.##}") : progress.Progress.ToString("0.##", CultureInfo.InvariantCulture);
        return progress.Message is { Length: > 0 } message ? $"{share} {message}" : share;
    }
}
