using System.Text.Json;
using System.Text.Json.Nodes;
using ModelContextProtocol;
using ModelContextProtocol.Protocol;

namespace AgentPlatform.ToolGateway.Mcp.Serving;

/// <summary>The body of a POST: one JSON-RPC message, of a bounded size.</summary>
internal static class OneMessage
{
    /// <exception cref="HttpRefusal">It is something else.</exception>
    public static async Task<(JsonRpcMessage Message, JsonObject? Meta)> Read(HttpContext http, long bytesMax, CancellationToken ct)
    {
        if (http.Request.ContentLength > bytesMax)
        {
            throw new HttpRefusal(413, McpErrorCode.InvalidRequest, $"A message has at most {bytesMax} bytes");
        }

        var limit = http.Features.Get<Microsoft.AspNetCore.Http.Features.IHttpMaxRequestBodySizeFeature>();
        if (limit is { IsReadOnly: false })
        {
            limit.MaxRequestBodySize = bytesMax;
        }

        try
        {
            var node = await JsonNode.ParseAsync(http.Request.Body, cancellationToken: ct);
            var message = node is JsonObject ? node.Deserialize<JsonRpcMessage>(McpJsonUtilities.DefaultOptions) : null;
            return message is null ? throw new HttpRefusal(400, McpErrorCode.InvalidRequest, "The body is one JSON-RPC message") : (message, (node as JsonObject)?["params"]?["_meta"] as JsonObject);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            throw new HttpRefusal(400, McpErrorCode.ParseError, $"The body is one JSON-RPC message: {e.Message}");
        }
        catch (BadHttpRequestException e)
        {
            throw new HttpRefusal(e.StatusCode, McpErrorCode.InvalidRequest, e.Message);
        }
    }
}
