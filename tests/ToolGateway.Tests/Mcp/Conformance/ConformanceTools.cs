using System.Text.Json;

namespace AgentPlatform.ToolGateway.Tests.Mcp.Conformance;

/// <summary>The tools that the official suite calls, and the schemas of their arguments.</summary>
internal static class ConformanceTools
{
    public static readonly IReadOnlyDictionary<string, JsonElement> All = Make();

    private static Dictionary<string, JsonElement> Make()
    {
        var all = new Dictionary<string, JsonElement>(StringComparer.Ordinal);
        foreach (var name in (string[])
                 [
                     "test_simple_text", "test_image_content", "test_audio_content", "test_embedded_resource", "test_multiple_content_types", "test_error_handling", "test_tool_with_logging",
                     "test_tool_with_progress", "test_missing_capability", "test_logging_tool", "test_reconnection", "test_hang", "test_streaming_elicitation", "test_elicitation_sep1034_defaults", "test_elicitation_sep1330_enums", "test_input_required_result_elicitation",
                     "test_input_required_result_sampling", "test_input_required_result_list_roots", "test_input_required_result_request_state", "test_input_required_result_multiple_inputs",
                     "test_input_required_result_multi_round", "test_input_required_result_tampered_state", "test_input_required_result_capabilities",
                 ])
        {
            all[name] = Schema("""{"type":"object","properties":{},"additionalProperties":false}""");
        }

        all["test_headers"] = Schema("""{"type":"object","properties":{"region":{"type":"string","x-mcp-header":"Region"}},"required":["region"]}""");
        all["test_sampling"] = Schema("""{"type":"object","properties":{"prompt":{"type":"string"}},"required":["prompt"]}""");
        all["test_elicitation"] = Schema("""{"type":"object","properties":{"message":{"type":"string"}},"required":["message"]}""");
        all["json_schema_2020_12_tool"] = Schema(
            """
            {"$schema":"https://json-schema.org/draft/2020-12/schema","type":"object",
             "$defs":{"address":{"$anchor":"addressDef","type":"object","properties":{"street":{"type":"string"},"city":{"type":"string"}}}},
             "properties":{"name":{"type":"string"},"address":{"$ref":"#/$defs/address"},"contactMethod":{"type":"string","enum":["phone","email"]},"phone":{"type":"string"},"email":{"type":"string"}},
             "allOf":[{"anyOf":[{"required":["phone"]},{"required":["email"]}]}],
             "if":{"properties":{"contactMethod":{"const":"phone"}},"required":["contactMethod"]},"then":{"required":["phone"]},"else":{"required":["email"]},
             "additionalProperties":false}
            """);
        return all;
    }

    private static JsonElement Schema(string json) => JsonSerializer.Deserialize<JsonElement>(json);
}
