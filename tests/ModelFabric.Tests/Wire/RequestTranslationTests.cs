using System.Text;
using System.Text.Json.Nodes;
using AgentPlatform.ModelFabric.Exchange;
using AgentPlatform.ModelFabric.Providers;
using AgentPlatform.ModelFabric.Wire;
using AgentPlatform.ModelFabric.Wire.Chat;
using AgentPlatform.ModelFabric.Wire.Gemini;
using AgentPlatform.ModelFabric.Wire.Messages;
using AgentPlatform.ModelFabric.Wire.Responses;

namespace AgentPlatform.ModelFabric.Tests.Wire;

/// <summary>The same wish in every format: what both sides have arrives, what one lacks is refused by its name.</summary>
public sealed class RequestTranslationTests
{
    private const string Chat =
        """
        {"model":"m","messages":[
          {"role":"system","content":"be brief"},
          {"role":"user","content":[{"type":"text","text":"look"},{"type":"image_url","image_url":{"url":"data:image/png;base64,AAAA"}}]},
          {"role":"assistant","content":"calling","tool_calls":[
            {"id":"c1","type":"function","function":{"name":"get","arguments":"{\"a\":1}"}},
            {"id":"c2","type":"function","function":{"name":"put","arguments":"{}"}}]},
          {"role":"tool","tool_call_id":"c1","content":"one"},
          {"role":"tool","tool_call_id":"c2","content":"two"},
          {"role":"user","content":"and now?"}],
         "temperature":0.5,"top_p":0.9,"max_tokens":100,"stop":["END"],"user":"u1",
         "tools":[{"type":"function","function":{"name":"get","description":"gets","parameters":{"type":"object","properties":{"a":{"type":"integer"}}},"strict":true}},
                  {"type":"function","function":{"name":"put","parameters":{"type":"object"}}}],
         "parallel_tool_calls":false,"tool_choice":"required",
         "response_format":{"type":"json_schema","json_schema":{"name":"answer","schema":{"type":"object"},"strict":true}}}
        """;

    private const string Messages =
        """
        {"model":"m","max_tokens":100,"messages":[
          {"role":"user","content":[{"type":"text","text":"look"},{"type":"image","source":{"type":"base64","media_type":"image/png","data":"AAAA"}}]},
          {"role":"assistant","content":[{"type":"text","text":"calling"},
            {"type":"tool_use","id":"c1","name":"get","input":{"a":1}},{"type":"tool_use","id":"c2","name":"put","input":{}}]},
          {"role":"user","content":[{"type":"tool_result","tool_use_id":"c1","content":"one"},{"type":"tool_result","tool_use_id":"c2","content":"two"}]},
          {"role":"user","content":"and now?"}],
         "system":"be brief","temperature":0.5,"top_p":0.9,"stop_sequences":["END"],"metadata":{"user_id":"u1"},
         "tools":[{"name":"get","description":"gets","input_schema":{"type":"object","properties":{"a":{"type":"integer"}}},"strict":true},{"name":"put","input_schema":{"type":"object"}}],
         "tool_choice":{"type":"any","disable_parallel_tool_use":true},
         "output_config":{"format":{"type":"json_schema","schema":{"type":"object"}}}}
        """;

    private const string Responses =
        """
        {"model":"m","instructions":"be brief","input":[
          {"role":"user","content":[{"type":"input_text","text":"look"},{"type":"input_image","image_url":"data:image/png;base64,AAAA"}]},
          {"type":"message","role":"assistant","content":[{"type":"output_text","text":"calling","annotations":[]}]},
          {"type":"function_call","call_id":"c1","name":"get","arguments":"{\"a\":1}"},
          {"type":"function_call","call_id":"c2","name":"put","arguments":"{}"},
          {"type":"function_call_output","call_id":"c1","output":"one"},
          {"type":"function_call_output","call_id":"c2","output":"two"},
          {"role":"user","content":"and now?"}],
         "temperature":0.5,"top_p":0.9,"max_output_tokens":100,"user":"u1",
         "tools":[{"type":"function","name":"get","description":"gets","parameters":{"type":"object","properties":{"a":{"type":"integer"}}},"strict":true},
                  {"type":"function","name":"put","parameters":{"type":"object"}}],
         "parallel_tool_calls":false,"tool_choice":"required","text":{"format":{"type":"json_schema","name":"answer","schema":{"type":"object"},"strict":true}}}
        """;

    private static readonly Dialect Plain = Dialect.Find("openai", preset: null)!;

    [Fact]
    public void A_chat_becomes_messages_and_comes_back_as_it_was()
    {
        Same(Messages, Translate(ChatFormat.Instance, MessagesFormat.Instance, Chat));
        Same(Chat, Translate(MessagesFormat.Instance, ChatFormat.Instance, Messages));
    }

    [Fact]
    public void A_response_becomes_the_same_messages_and_the_same_chat()
    {
        Same(Without(Messages, "stop_sequences"), Translate(ResponsesFormat.Instance, MessagesFormat.Instance, Responses));
        Same(Without(Chat, "stop"), Translate(ResponsesFormat.Instance, ChatFormat.Instance, Responses));
    }

    [Fact]
    public void A_chat_and_messages_become_the_same_contents_for_google()
    {
        const string gemini =
            """
            {"contents":[
               {"role":"user","parts":[{"text":"look"},{"inlineData":{"mimeType":"image/png","data":"AAAA"}}]},
               {"role":"model","parts":[{"text":"calling"},{"functionCall":{"id":"c1","name":"get","args":{"a":1}}},{"functionCall":{"id":"c2","name":"put","args":{}}}]},
               {"role":"user","parts":[{"functionResponse":{"id":"c1","name":"get","response":{"output":"one"}}},{"functionResponse":{"id":"c2","name":"put","response":{"output":"two"}}}]},
               {"role":"user","parts":[{"text":"and now?"}]}],
             "systemInstruction":{"parts":[{"text":"be brief"}]},
             "tools":[{"functionDeclarations":[{"name":"get","description":"gets","parametersJsonSchema":{"type":"object","properties":{"a":{"type":"integer"}}}},{"name":"put","parametersJsonSchema":{"type":"object"}}]}],
             "toolConfig":{"functionCallingConfig":{"mode":"ANY"}},
             "generationConfig":{"temperature":0.5,"topP":0.9,"maxOutputTokens":100,"stopSequences":["END"],"responseMimeType":"application/json","responseJsonSchema":{"type":"object"}}}
            """;
        var passage = new Passage("chat", "gemini");
        Same(gemini, Translate(ChatFormat.Instance, GeminiFormat.Instance, Without(Chat, "parallel_tool_calls"), passage));
        Same(gemini, Translate(MessagesFormat.Instance, GeminiFormat.Instance, Messages.Replace(",\"disable_parallel_tool_use\":true", "", StringComparison.Ordinal)));
        Assert.Equal(["user"], passage.Hints);
    }

    [Fact]
    public void Reasoning_keeps_its_seal_on_the_way_through_a_chat()
    {
        const string thinking = """{"role":"assistant","content":[{"type":"thinking","thinking":"hm, so","signature":"seal"},{"type":"redacted_thinking","data":"xyz"},{"type":"text","text":"yes"}]}""";
        const string chat = """
            {"model":"m","messages":[{"role":"user","content":"?"},{"role":"assistant","content":"yes","reasoning_content":"hm, so","reasoning_details":[
            {"type":"reasoning.text","text":"hm, "},{"type":"reasoning.text","text":"so"},{"type":"reasoning.text","signature":"seal"},{"type":"reasoning.encrypted","data":"xyz"}]}]}
            """;
        var messages = Translate(ChatFormat.Instance, MessagesFormat.Instance, chat);

        Same(thinking, messages["messages"]![1]!);
    }

    [Fact]
    public void Googles_seal_returns_to_the_call_it_belongs_to()
    {
        const string chat = """
            {"model":"m","messages":[{"role":"user","content":"?"},{"role":"assistant","content":"let me see","tool_calls":[
              {"id":"c1","type":"function","function":{"name":"get","arguments":"{}"},"extra_content":{"google":{"thought_signature":"seal"}}}]}]}
            """;
        const string expected = """{"role":"model","parts":[{"text":"let me see"},{"functionCall":{"id":"c1","name":"get","args":{}},"thoughtSignature":"seal"}]}""";

        Same(expected, Translate(ChatFormat.Instance, GeminiFormat.Instance, chat)["contents"]![1]!);
    }

    [Theory]
    [InlineData("""{"reasoning_effort":"high"}""", """{"thinking":{"type":"adaptive"},"output_config":{"effort":"high"}}""", """{"thinkingConfig":{"thinkingLevel":"high"}}""")]
    [InlineData("""{"reasoning_effort":"none"}""", """{"thinking":{"type":"disabled"}}""", """{"thinkingConfig":{"thinkingBudget":0}}""")]
    public void How_much_to_think_is_carried(string asked, string messages, string gemini)
    {
        var body = JsonNode.Parse("""{"model":"m","messages":[{"role":"user","content":"?"}]}""")!.AsObject();
        foreach (var (name, value) in JsonNode.Parse(asked)!.AsObject())
        {
            body[name] = value!.DeepClone();
        }
        var written = Translate(ChatFormat.Instance, MessagesFormat.Instance, body.ToJsonString());
        foreach (var (name, value) in JsonNode.Parse(messages)!.AsObject())
        {
            Same(value!.ToJsonString(), written[name]!);
        }
        Same(gemini, Translate(ChatFormat.Instance, GeminiFormat.Instance, body.ToJsonString())["generationConfig"]!);
    }

    [Theory]
    [InlineData("chat", "messages", "seed", "7")]
    [InlineData("chat", "messages", "n", "2")]
    [InlineData("chat", "messages", "logit_bias", """{"1":5}""")]
    [InlineData("chat", "messages", "logprobs", "true")]
    [InlineData("chat", "messages", "presence_penalty", "0.5")]
    [InlineData("chat", "messages", "unheard_of", "1")]
    [InlineData("chat", "messages", "functions", "[]")]
    [InlineData("chat", "messages", "response_format", """{"type":"json_object"}""")]
    [InlineData("chat", "messages", "reasoning_effort", "\"minimal\"")]
    [InlineData("chat", "gemini", "reasoning_effort", "\"xhigh\"")]
    [InlineData("chat", "gemini", "parallel_tool_calls", "false")]
    [InlineData("messages", "chat", "top_k", "5")]
    [InlineData("messages", "chat", "thinking.budget_tokens", """{"type":"enabled","budget_tokens":1024}""")]
    [InlineData("messages", "chat", "container", "\"c\"")]
    [InlineData("messages", "gemini", "mcp_servers", "[]")]
    [InlineData("responses", "chat", "previous_response_id", "\"resp_1\"")]
    [InlineData("responses", "chat", "background", "true")]
    [InlineData("responses", "messages", "conversation", "\"c\"")]
    public void What_the_other_side_cannot_hear_is_refused_by_name(string from, string to, string name, string value)
    {
        var body = JsonNode.Parse(from == "responses" ? """{"model":"m","input":"?"}""" : """{"model":"m","max_tokens":5,"messages":[{"role":"user","content":"?"}]}""")!;
        body[name.Split('.')[0]] = JsonNode.Parse(value);
        var refusal = Assert.Throws<ModelCallException>(() => Translate(Format(from), Format(to), body.ToJsonString()));

        Assert.Equal((400, "not_carried", name), (refusal.Status, refusal.ErrorClass, refusal.Error.Param));
        Assert.Contains($"'{name}'", refusal.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("chat", "messages", """{"role":"user","content":[{"type":"input_audio","input_audio":{"data":"AA","format":"wav"}}]}""", "messages[0].content[0]")]
    [InlineData("chat", "messages", """{"role":"user","content":[{"type":"file","file":{"file_id":"f"}}]}""", "messages[0].content[0].file.file_id")]
    [InlineData("chat", "messages", """{"role":"user","name":"ann","content":"hi"}""", "messages[0].name")]
    [InlineData("chat", "messages", """{"role":"assistant","content":"x","reasoning_content":"unsealed"}""", "messages[0].reasoning_content")]
    [InlineData("chat", "gemini", """{"role":"user","content":[{"type":"image_url","image_url":{"url":"https://example.com/a.png"}}]}""", "messages[0].content[0]")]
    [InlineData("messages", "chat", """{"role":"user","content":[{"type":"tool_result","tool_use_id":"c","content":[{"type":"image","source":{"type":"url","url":"https://example.com/a.png"}}]}]}""", "messages[0].content[0].content[0].source")]
    [InlineData("messages", "chat", """{"role":"assistant","content":[{"type":"redacted_thinking","data":"x"}]}""", "messages[0].content[0]")]
    [InlineData("messages", "chat", """{"role":"assistant","content":[{"type":"server_tool_use","id":"s","name":"web_search","input":{}}]}""", "messages[0].content[0].type")]
    public void A_part_of_a_message_that_cannot_be_carried_is_refused_by_its_place(string from, string to, string message, string path)
    {
        var refusal = Assert.Throws<ModelCallException>(() => Translate(Format(from), Format(to), $$"""{"model":"m","max_tokens":5,"messages":[{{message}}]}"""));

        Assert.Equal(("not_carried", path), (refusal.ErrorClass, refusal.Error.Param));
    }

    [Fact]
    public void A_tool_that_runs_at_its_provider_is_refused()
    {
        var anthropic = Assert.Throws<ModelCallException>(() => Translate(MessagesFormat.Instance, ChatFormat.Instance,
            """{"model":"m","max_tokens":5,"messages":[],"tools":[{"type":"web_search_20250305","name":"web_search"}]}"""));
        var openAi = Assert.Throws<ModelCallException>(() => Translate(ResponsesFormat.Instance, ChatFormat.Instance, """{"model":"m","input":"?","tools":[{"type":"web_search"}]}"""));

        Assert.Equal(("tools[0].type", "tools[0].type"), (anthropic.Error.Param, openAi.Error.Param));
    }

    [Fact]
    public void Advice_that_changes_a_price_but_no_answer_is_left_behind_and_told()
    {
        var passage = new Passage("messages", "chat");
        var body = """{"model":"m","max_tokens":5,"service_tier":"auto","messages":[{"role":"user","content":[{"type":"text","text":"?","cache_control":{"type":"ephemeral"}}]}]}""";
        Same("""{"model":"m","max_tokens":5,"messages":[{"role":"user","content":"?"}]}""", Translate(MessagesFormat.Instance, ChatFormat.Instance, body, passage));

        Assert.Equal(["service_tier", "cache_control"], passage.Hints);
    }

    [Fact]
    public void A_failed_tool_says_so_wherever_it_is_told()
    {
        const string body = """
            {"model":"m","max_tokens":5,"messages":[{"role":"assistant","content":[{"type":"tool_use","id":"c","name":"get","input":{}}]},
              {"role":"user","content":[{"type":"tool_result","tool_use_id":"c","content":"no file","is_error":true}]}]}
            """;

        Assert.Equal("Error: no file", (string)Translate(MessagesFormat.Instance, ChatFormat.Instance, body)["messages"]![1]!["content"]!);
        Assert.Equal("no file", (string)Translate(MessagesFormat.Instance, GeminiFormat.Instance, body)["contents"]![1]!["parts"]![0]!["functionResponse"]!["response"]!["error"]!);
    }

    [Theory]
    [InlineData("openai", "max_completion_tokens", true)]
    [InlineData("mistral", "max_tokens", false)]
    [InlineData("vllm", "max_tokens", true)]
    public void A_dialect_has_its_own_names(string preset, string tokensMax, bool streamOptions)
    {
        var request = MessagesFormat.Instance.Read(Encoding.UTF8.GetBytes("""{"model":"m","max_tokens":5,"stream":true,"messages":[{"role":"user","content":"?"}]}"""), new Passage("messages", "chat"));
        var written = ChatFormat.Instance.Write(request, "m", Dialect.Find(kind: null, preset)!, 0);

        Assert.Equal(("5", streamOptions), (written[tokensMax]!.ToJsonString(), written["stream_options"] is not null));
    }

    private static JsonObject Translate(WireFormat from, WireFormat to, string body, Passage? passage = null) =>
        to.Write(from.Read(Encoding.UTF8.GetBytes(body), passage ?? new Passage(from.Name, to.Name)), "m", Plain, tokensMaxDefault: 4096);

    private static WireFormat Format(string name) =>
        ((WireFormat[])[ChatFormat.Instance, MessagesFormat.Instance, GeminiFormat.Instance, ResponsesFormat.Instance]).Single(format => format.Name == name);

    private static string Without(string json, string name)
    {
        var node = JsonNode.Parse(json)!.AsObject();
        node.Remove(name);
        return node.ToJsonString();
    }

    private static void Same(string expected, JsonNode actual) =>
        Assert.True(JsonNode.DeepEquals(JsonNode.Parse(expected), JsonNode.Parse(actual.ToJsonString())), $"expected {expected}\nactual   {actual.ToJsonString()}");
}
