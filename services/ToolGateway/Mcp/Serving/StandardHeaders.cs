using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.Extensions.Primitives;
using ModelContextProtocol;
using ModelContextProtocol.Protocol;

namespace AgentPlatform.ToolGateway.Mcp.Serving;

/// <summary>
/// Headers of the 2026-07-28 revision that repeat what the body says, so that what stands between can route by them. If they lie, something decided by one
/// thing and we would do another.
/// </summary>
internal static class StandardHeaders
{
    public static void Check(IHeaderDictionary headers, JsonRpcMessage message)
    {
        if (message is not (JsonRpcRequest or JsonRpcNotification))
        {
            return;
        }

        var (method, content) = message is JsonRpcRequest request ? (request.Method, request.Params) : (((JsonRpcNotification)message).Method, ((JsonRpcNotification)message).Params);
        var meta = (content as JsonObject)?["_meta"] as JsonObject;
        Compare(headers, McpHeaders.ProtocolVersion, meta?[MetaKeys.ProtocolVersion]);
        if (One(headers, McpHeaders.Method) != method)
        {
            throw Mismatch(McpHeaders.Method, method);
        }

        var member = method switch
        {
            RequestMethods.ToolsCall or RequestMethods.PromptsGet => "name",
            RequestMethods.ResourcesRead => "uri",
            _ => null,
        };
        if (member is not null && (content as JsonObject)?[member] is JsonValue named)
        {
            Compare(headers, McpHeaders.Name, named);
        }
    }

    /// <summary>Headers that repeat arguments, where the tool's schema names them with <c>x-mcp-header</c>.</summary>
    public static void CheckArguments(IHeaderDictionary headers, JsonElement schema, JsonElement arguments)
    {
        if (schema.ValueKind != JsonValueKind.Object || !schema.TryGetProperty("properties", out var properties) || properties.ValueKind != JsonValueKind.Object || arguments.ValueKind != JsonValueKind.Object)
        {
            return;
        }

        foreach (var property in properties.EnumerateObject())
        {
            if (!arguments.TryGetProperty(property.Name, out var argument) || property.Value.ValueKind != JsonValueKind.Object)
            {
                continue;
            }

            if (property.Value.TryGetProperty("x-mcp-header", out var named) && named.ValueKind == JsonValueKind.String && Text(argument) is { } said)
            {
                var header = McpHeaders.Parameter + named.GetString();
                if (One(headers, header) is not { } value || Decoded(value) != said)
                {
                    throw Mismatch(header, said);
                }
            }

            CheckArguments(headers, property.Value, argument);
        }
    }

    private static string? Text(JsonElement argument) => argument.ValueKind switch
    {
        JsonValueKind.String => argument.GetString(),
        JsonValueKind.Number => argument.GetRawText(),
        JsonValueKind.True => "true",
        JsonValueKind.False => "false",
        _ => null,
    };

    /// <summary>What a header stands for: text as it is, or base64 between <c>=?base64?</c> and <c>?=</c>; null if that cannot be read.</summary>
    public static string? Decoded(string value)
    {
        const string start = "=?base64?", end = "?=";
        if (!value.StartsWith(start, StringComparison.Ordinal) || !value.EndsWith(end, StringComparison.Ordinal) || value.Length < start.Length + end.Length)
        {
            return value;
        }

        var bytes = new byte[value.Length];
        return Convert.TryFromBase64String(value[start.Length..^end.Length], bytes, out var written) ? Encoding.UTF8.GetString(bytes, 0, written) : null;
    }

    private static void Compare(IHeaderDictionary headers, string name, JsonNode? body)
    {
        var said = body is JsonValue value && value.TryGetValue<string>(out var text) ? text : null;
        if (said is not null && One(headers, name) is var header && (header is null || Decoded(header) != said))
        {
            throw Mismatch(name, said);
        }
    }

    private static string? One(IHeaderDictionary headers, string name) => headers.TryGetValue(name, out StringValues values) && values.Count == 1 ? values[0]!.Trim() : null;

    private static HttpRefusal Mismatch(string header, string body) => new(400, McpErrorCode.HeaderMismatch, $"The header {header} does not say what the body says, '{(body.Length <= 100 ? body : body[..100])}'");
}

/// <summary>The names of the protocol's headers.</summary>
internal static class McpHeaders
{
    public const string SessionId = "Mcp-Session-Id", ProtocolVersion = "MCP-Protocol-Version", LastEventId = "Last-Event-ID", Method = "Mcp-Method", Name = "Mcp-Name", Parameter = "Mcp-Param-";
}
