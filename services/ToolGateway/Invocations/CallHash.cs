using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Nodes;
using AgentPlatform.Contracts;

namespace AgentPlatform.ToolGateway.Invocations;

/// <summary>SHA-256 over exactly what would run: tool with version, arguments, workspace. An approval is good for this hash and nothing else.</summary>
public static class CallHash
{
    public static string Of(string toolId, InvokeTool call)
    {
        ArgumentNullException.ThrowIfNull(call);
        var content = new JsonObject
        {
            ["arguments"] = Sorted(JsonNode.Parse(call.Arguments.GetRawText())),
            ["invocation"] = call.Invocation.ToString(),
            ["tool"] = toolId,
            ["workspace"] = call.Workspace.ToString(),
        };
        return Convert.ToHexStringLower(SHA256.HashData(JsonSerializer.SerializeToUtf8Bytes(content)));
    }

    // The order of members says nothing, and PostgreSQL does not keep it.
    internal static JsonNode? Sorted(JsonNode? node) => node switch
    {
        JsonObject map => new JsonObject(map.OrderBy(p => p.Key, StringComparer.Ordinal).Select(p => KeyValuePair.Create(p.Key, Sorted(p.Value)))),
        JsonArray list => new JsonArray([.. list.Select(Sorted)]),
        _ => node?.DeepClone(),
    };
}
