using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using ModelContextProtocol;
using ModelContextProtocol.Protocol;
using ModelContextProtocol.Server;

namespace AgentPlatform.ToolGateway.Tests.Mcp.Conformance;

/// <summary>The tools of the official suite that ask their client something before they answer.</summary>
internal static class ConformanceQuestions
{
    private static readonly byte[] Key = RandomNumberGenerator.GetBytes(32);

    public static CallToolResult? Answer(RequestContext<CallToolRequestParams> context)
    {
        var asked = context.Params!;
        return asked.Name switch
        {
            "test_elicitation" => After(asked, "answer", Elicit(asked.Arguments!["message"].GetString()!, "response", "string"), "User response"),
            "test_sampling" => After(asked, "answer", Sample(asked.Arguments!["prompt"].GetString()!), "LLM response"),
            "test_elicitation_sep1034_defaults" => After(asked, "answer", Elicit("Please review", Defaults), "Elicitation completed"),
            "test_elicitation_sep1330_enums" => After(asked, "answer", Elicit("Please choose", Enums), "Elicitation completed"),
            "test_input_required_result_elicitation" or "test_streaming_elicitation" => After(asked, "user_name", Elicit("What is your name?", "name", "string"), "Hello", IsAccepted),
            "test_input_required_result_sampling" => After(asked, "capital_question", Sample("What is the capital of France?"), "The model says"),
            "test_input_required_result_list_roots" => After(asked, "client_roots", Request("roots/list", "{}"), "Roots"),
            "test_input_required_result_request_state" or "test_input_required_result_tampered_state" => WithState(asked),
            "test_input_required_result_multi_round" => InRounds(asked),
            "test_input_required_result_multiple_inputs" => Several(asked),
            "test_input_required_result_capabilities" => Possible(context),
            _ => null,
        };
    }

    public static JsonElement? Given(RequestParams asked, string key) => asked.InputResponses is { } given && given.TryGetValue(key, out var answer) ? answer.RawValue : null;

    public static InputRequiredException Ask(string? state, params (string Key, InputRequest Request)[] requests) =>
        new(requests.ToDictionary(r => r.Key, r => r.Request, StringComparer.Ordinal), state);

    public static InputRequest Elicit(string message, string member, string type) => Elicit(message, $$$"""{"type":"object","properties":{"{{{member}}}":{"type":"{{{type}}}"}},"required":["{{{member}}}"]}""");

    private static InputRequest Elicit(string message, string schema) => Request("elicitation/create", new JsonObject { ["message"] = message, ["requestedSchema"] = JsonNode.Parse(schema) }.ToJsonString());

    private static InputRequest Sample(string prompt) =>
        Request("sampling/createMessage", new JsonObject { ["messages"] = new JsonArray(new JsonObject { ["role"] = "user", ["content"] = new JsonObject { ["type"] = "text", ["text"] = prompt } }), ["maxTokens"] = 100 }.ToJsonString());

    private static InputRequest Request(string method, string content) => new() { Method = method, Params = JsonSerializer.Deserialize<JsonElement>(content) };

    private static CallToolResult After(CallToolRequestParams asked, string key, InputRequest request, string words, Func<JsonElement, bool>? fits = null) =>
        Given(asked, key) is { } answer && (fits is null || fits(answer)) ? ConformanceServer.Text($"{words}: {answer.GetRawText()}") : throw Ask(state: null, (key, request));

    private static bool IsAccepted(JsonElement answer) =>
        answer.ValueKind == JsonValueKind.Object && answer.TryGetProperty("action", out var action) && action.ValueEquals("accept")
        && answer.TryGetProperty("content", out var content) && content.ValueKind == JsonValueKind.Object && content.TryGetProperty("name", out var name) && name.ValueKind == JsonValueKind.String;

    private static CallToolResult WithState(CallToolRequestParams asked) =>
        asked.RequestState is { } state ? Opened(state, "one") ? ConformanceServer.Text("state-ok") : throw new McpProtocolException("The state was changed", McpErrorCode.InvalidParams)
        : throw Ask(Sealed("one"), ("confirm", Elicit("Please confirm", "ok", "boolean")));

    private static CallToolResult InRounds(CallToolRequestParams asked) => asked.RequestState switch
    {
        null => throw Ask(Sealed("1"), ("step1", Elicit("Step 1: What is your name?", "name", "string"))),
        { } state when Opened(state, "1") => throw Ask(Sealed("2"), ("step2", Elicit("Step 2: What is your favorite color?", "color", "string"))),
        { } state when Opened(state, "2") => ConformanceServer.Text("Both answered"),
        _ => throw new McpProtocolException("The state was changed", McpErrorCode.InvalidParams),
    };

    private static CallToolResult Several(CallToolRequestParams asked) =>
        Given(asked, "user_name") is not null && Given(asked, "greeting") is not null && Given(asked, "client_roots") is not null
            ? ConformanceServer.Text("All answered")
            : throw Ask(
                Sealed("several"), ("user_name", Elicit("What is your name?", "name", "string")), ("greeting", Sample("Generate a greeting")), ("client_roots", Request("roots/list", "{}")));

    private static CallToolResult Possible(RequestContext<CallToolRequestParams> context)
    {
        var can = context.Server.ClientCapabilities;
        List<(string, InputRequest)> requests =
        [
            .. can?.Elicitation is null ? [] : ((string, InputRequest)[])[("user_name", Elicit("What is your name?", "name", "string"))],
            .. can?.Sampling is null ? [] : ((string, InputRequest)[])[("greeting", Sample("Generate a greeting"))],
        ];
        return context.Params!.InputResponses is { Count: > 0 } || requests.Count == 0 ? ConformanceServer.Text("Answered") : throw Ask(state: null, [.. requests]);
    }

    private static string Sealed(string state) => $"{state}.{Mac(state)}";

    private static bool Opened(string text, string state) => text == Sealed(state);

    private static string Mac(string state) => Convert.ToHexStringLower(HMACSHA256.HashData(Key, Encoding.UTF8.GetBytes(state)));

    private const string Defaults =
        """
        {"type":"object","properties":{"name":{"type":"string","default":"John Doe"},"age":{"type":"integer","default":30},"score":{"type":"number","default":95.5},
         "status":{"type":"string","enum":["active","inactive","pending"],"default":"active"},"verified":{"type":"boolean","default":true}},"required":[]}
        """;

    private const string Enums =
        """
        {"type":"object","properties":{
          "untitledSingle":{"type":"string","enum":["option1","option2","option3"]},
          "titledSingle":{"type":"string","oneOf":[{"const":"value1","title":"First Option"},{"const":"value2","title":"Second Option"},{"const":"value3","title":"Third Option"}]},
          "legacyEnum":{"type":"string","enum":["opt1","opt2","opt3"],"enumNames":["Option One","Option Two","Option Three"]},
          "untitledMulti":{"type":"array","items":{"type":"string","enum":["option1","option2","option3"]}},
          "titledMulti":{"type":"array","items":{"anyOf":[{"const":"value1","title":"First Choice"},{"const":"value2","title":"Second Choice"},{"const":"value3","title":"Third Choice"}]}}},"required":[]}
        """;
}
