using System.Text.Json;
using System.Text.Json.Nodes;
using NJsonSchema;

namespace AgentPlatform.ServiceDefaults;

/// <summary>Reads JSON schemas for validation, with what the library at hand does not know put in words it knows.</summary>
public static class Schemas
{
    private static readonly string[] Maps = ["properties", "patternProperties", "definitions", "$defs"];
    private static readonly string[] Singles = ["items", "additionalItems", "not", "contains", "if", "then", "else"];

    /// <summary>A schema ready to validate with.</summary>
    /// <param name="schema">JSON Schema, draft 4 to 2020-12.</param>
    /// <remarks>The library reads no boolean schemas below the top: <c>true</c> becomes <c>{}</c> and <c>false</c> becomes <c>{"not":{}}</c>, which mean the same.</remarks>
    public static JsonSchema Read(JsonElement schema) =>
        JsonSchema.FromJsonAsync(Spelled(JsonNode.Parse(schema.GetRawText()))!.ToJsonString()).GetAwaiter().GetResult();

    private static JsonNode? Spelled(JsonNode? node)
    {
        if (node is not JsonObject schema)
        {
            return node?.GetValueKind() switch
            {
                JsonValueKind.True => new JsonObject(),
                JsonValueKind.False => new JsonObject { ["not"] = new JsonObject() },
                _ => node?.DeepClone(),
            };
        }

        var spelled = new JsonObject();
        foreach (var (name, value) in schema)
        {
            spelled[name] = value switch
            {
                JsonObject map when Maps.Contains(name) => new JsonObject(map.Select(p => KeyValuePair.Create(p.Key, Spelled(p.Value)))),
                JsonArray list when name is "allOf" or "anyOf" or "oneOf" || Singles.Contains(name) => new JsonArray([.. list.Select(Spelled)]),
                _ when Singles.Contains(name) => Spelled(value),
                _ => value?.DeepClone(),
            };
        }

        return spelled;
    }
}
