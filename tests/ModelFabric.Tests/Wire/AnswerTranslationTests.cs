using System.Text;
using System.Text.Json.Nodes;
using AgentPlatform.ModelFabric.Exchange;
using AgentPlatform.ModelFabric.Wire;
using AgentPlatform.ModelFabric.Wire.Chat;
using AgentPlatform.ModelFabric.Wire.Gemini;
using AgentPlatform.ModelFabric.Wire.Messages;
using AgentPlatform.ModelFabric.Wire.Responses;

namespace AgentPlatform.ModelFabric.Tests.Wire;

/// <summary>The same answer from every provider in every caller's format, whole and streamed.</summary>
public sealed class AnswerTranslationTests
{
    private static readonly Dictionary<string, string> Whole = new()
    {
        ["chat"] = """
            {"id":"x","object":"chat.completion","model":"real","choices":[{"index":0,"message":{"role":"assistant","content":"yes","reasoning_content":"hm","reasoning_details":[{"type":"reasoning.text","text":"hm","signature":"seal"}],
             "tool_calls":[{"id":"c1","type":"function","function":{"name":"get","arguments":"{\"a\":1}"}},{"id":"c2","type":"function","function":{"name":"put","arguments":"{}"}}]},"finish_reason":"tool_calls"}],
             "usage":{"prompt_tokens":10,"completion_tokens":5,"prompt_tokens_details":{"cached_tokens":4},"completion_tokens_details":{"reasoning_tokens":2}}}
            """,
        ["messages"] = """
            {"id":"x","type":"message","role":"assistant","model":"real","content":[{"type":"thinking","thinking":"hm","signature":"seal"},{"type":"text","text":"yes"},
             {"type":"tool_use","id":"c1","name":"get","input":{"a":1}},{"type":"tool_use","id":"c2","name":"put","input":{}}],"stop_reason":"tool_use","stop_sequence":null,
             "usage":{"input_tokens":6,"cache_read_input_tokens":4,"cache_creation_input_tokens":0,"output_tokens":5}}
            """,
        ["gemini"] = """
            {"responseId":"x","modelVersion":"real","candidates":[{"content":{"role":"model","parts":[{"text":"hm","thought":true},{"text":"yes","thoughtSignature":"seal"},
             {"functionCall":{"id":"c1","name":"get","args":{"a":1}}},{"functionCall":{"id":"c2","name":"put","args":{}}}]},"finishReason":"STOP"}],
             "usageMetadata":{"promptTokenCount":10,"candidatesTokenCount":3,"thoughtsTokenCount":2,"cachedContentTokenCount":4}}
            """,
    };

    private static readonly Dictionary<string, string[]> Streamed = new()
    {
        ["chat"] = [
            """{"id":"x","model":"real","choices":[{"index":0,"delta":{"role":"assistant","content":""}}]}""",
            """{"id":"x","choices":[{"index":0,"delta":{"reasoning_details":[{"type":"reasoning.text","text":"h"}]}}]}""",
            """{"id":"x","choices":[{"index":0,"delta":{"reasoning_details":[{"type":"reasoning.text","text":"m","signature":"seal"}]}}]}""",
            """{"id":"x","choices":[{"index":0,"delta":{"content":"ye"}}]}""", """{"id":"x","choices":[{"index":0,"delta":{"content":"s"}}]}""",
            """{"id":"x","choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"c1","type":"function","function":{"name":"get","arguments":""}}]}}]}""",
            """{"id":"x","choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"{\"a\""}}]}}]}""", """{"id":"x","choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":":1}"}}]}}]}""",
            """{"id":"x","choices":[{"index":0,"delta":{"tool_calls":[{"index":1,"id":"c2","type":"function","function":{"name":"put","arguments":"{}"}}]}}]}""",
            """{"id":"x","choices":[{"index":0,"delta":{},"finish_reason":"tool_calls"}]}""",
            """{"id":"x","choices":[],"usage":{"prompt_tokens":10,"completion_tokens":5,"prompt_tokens_details":{"cached_tokens":4},"completion_tokens_details":{"reasoning_tokens":2}}}""", "[DONE]"],
        ["messages"] = [
            """{"type":"message_start","message":{"id":"x","model":"real","usage":{"input_tokens":6,"cache_read_input_tokens":4,"output_tokens":1}}}""",
            """{"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":"","signature":""}}""", """{"type":"ping"}""",
            """{"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"hm"}}""", """{"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"seal"}}""",
            """{"type":"content_block_stop","index":0}""", """{"type":"content_block_start","index":1,"content_block":{"type":"text","text":""}}""",
            """{"type":"content_block_delta","index":1,"delta":{"type":"text_delta","text":"yes"}}""", """{"type":"content_block_stop","index":1}""",
            """{"type":"content_block_start","index":2,"content_block":{"type":"tool_use","id":"c1","name":"get","input":{}}}""",
            """{"type":"content_block_delta","index":2,"delta":{"type":"input_json_delta","partial_json":"{\"a\":"}}""", """{"type":"content_block_delta","index":2,"delta":{"type":"input_json_delta","partial_json":"1}"}}""",
            """{"type":"content_block_stop","index":2}""", """{"type":"content_block_start","index":3,"content_block":{"type":"tool_use","id":"c2","name":"put","input":{}}}""", """{"type":"content_block_stop","index":3}""",
            """{"type":"message_delta","delta":{"stop_reason":"tool_use"},"usage":{"output_tokens":5}}""", """{"type":"message_stop"}"""],
        ["gemini"] = [
            """{"responseId":"x","modelVersion":"real","candidates":[{"content":{"role":"model","parts":[{"text":"hm","thought":true}]}}]}""",
            """{"candidates":[{"content":{"parts":[{"text":"ye","thoughtSignature":"seal"}]}}]}""", """{"candidates":[{"content":{"parts":[{"text":"s"}]}}]}""",
            """{"candidates":[{"content":{"parts":[{"functionCall":{"id":"c1","name":"get","args":{"a":1}}},{"functionCall":{"id":"c2","name":"put","args":{}}}]},"finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":10,"candidatesTokenCount":3,"thoughtsTokenCount":2,"cachedContentTokenCount":4}}"""],
    };

    public static TheoryData<string, string> Pairs()
    {
        var pairs = new TheoryData<string, string>();
        foreach (var provider in Whole.Keys)
        {
            foreach (var caller in (string[])["chat", "messages", "responses"])
            {
                pairs.Add(provider, caller);
            }
        }
        return pairs;
    }

    [Theory]
    [MemberData(nameof(Pairs))]
    public void A_whole_answer_says_the_same_in_the_callers_format(string provider, string caller)
    {
        var notes = new AnswerNotes();
        AnswerEvent[] events = [.. Format(provider).Reader(Guid.Empty).Whole(Encoding.UTF8.GetBytes(Whole[provider]))];
        foreach (var one in events)
        {
            notes.Take(one);
        }
        var answer = JsonNode.Parse(Format(caller).Writer(Head()).Whole(AnswerDraft.Of(events), notes))!;

        Assert.Equal(Expected(provider, caller), Said.Of(caller, answer));
    }

    [Theory]
    [MemberData(nameof(Pairs))]
    public void A_streamed_answer_adds_up_to_the_whole_one(string provider, string caller)
    {
        var (reader, writer, notes, bytes) = (Format(provider).Reader(Guid.Empty), Format(caller).Writer(Head()), new AnswerNotes(), new EventBytes());
        foreach (var data in Streamed[provider].Select(Encoding.UTF8.GetBytes))
        {
            foreach (var one in reader.Mark(data) ? [] : reader.Chunk(data))
            {
                notes.Take(one);
                writer.Write(one, bytes);
            }
        }
        writer.Close(notes, bytes);

        Assert.Equal(Expected(provider, caller), Said.Of(caller, AddUp.Stream(caller, Encoding.UTF8.GetString(bytes.Written.Span))));
    }

    [Theory]
    [InlineData("chat", "length", "max_tokens", "incomplete")]
    [InlineData("chat", "content_filter", "refusal", "incomplete")]
    [InlineData("messages", "end_turn", "end_turn", "completed")]
    [InlineData("messages", "stop_sequence", "stop_sequence", "completed")]
    [InlineData("gemini", "MAX_TOKENS", "max_tokens", "incomplete")]
    [InlineData("gemini", "SAFETY", "refusal", "incomplete")]
    public void The_reason_of_the_end_is_carried(string provider, string reason, string messages, string responses)
    {
        var json = provider switch
        {
            "chat" => $$"""{"id":"x","choices":[{"message":{"content":"a"},"finish_reason":"{{reason}}"}]}""",
            "messages" => $$"""{"id":"x","content":[{"type":"text","text":"a"}],"stop_reason":"{{reason}}","stop_sequence":"END"}""",
            _ => $$"""{"candidates":[{"content":{"parts":[{"text":"a"}]},"finishReason":"{{reason}}"}]}""",
        };
        var notes = new AnswerNotes();
        AnswerEvent[] events = [.. Format(provider).Reader(Guid.Empty).Whole(Encoding.UTF8.GetBytes(json))];
        Array.ForEach(events, notes.Take);

        Assert.Equal(messages, (string)JsonNode.Parse(MessagesFormat.Instance.Writer(Head()).Whole(AnswerDraft.Of(events), notes))!["stop_reason"]!);
        Assert.Equal(responses, (string)JsonNode.Parse(ResponsesFormat.Instance.Writer(Head()).Whole(AnswerDraft.Of(events), notes))!["status"]!);
    }

    private static Said Expected(string provider, string caller) => new(
        // A response has no place for the seal of words, so Google's stands as reasoning of its own after what it belongs to.
        Thought: "hm", Seal: "seal", Text: "yes", Calls: """c1 get {"a":1}; c2 put {}""",
        End: caller switch { "chat" => "tool_calls", "messages" => "tool_use", _ => "completed" },
        Usage: caller == "messages" ? "6+4/5" : $"10(4)/5({(provider == "messages" ? 0 : 2)})", Model: "real");

    private static WireFormat Format(string name) =>
        ((WireFormat[])[ChatFormat.Instance, MessagesFormat.Instance, GeminiFormat.Instance, ResponsesFormat.Instance]).Single(format => format.Name == name);

    private static AnswerHead Head() => new(Guid.Empty, "up/real", DateTimeOffset.UnixEpoch, IncludeUsage: true);
}
