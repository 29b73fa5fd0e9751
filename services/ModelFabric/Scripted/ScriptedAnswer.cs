using System.Text.Json.Nodes;
using AgentPlatform.ModelFabric.Wire;

namespace AgentPlatform.ModelFabric.Scripted;

/// <param name="Arguments">JSON, as text: that is how the wire carries it.</param>
public sealed record ScriptedCall(string Id, string Name, string Arguments);

/// <summary>A filled turn in the OpenAI wire format, in one piece or in chunks.</summary>
public sealed record ScriptedAnswer(string Id, string Model, long Created, string? Text, IReadOnlyList<ScriptedCall> Calls, long PromptTokens)
{
    private const int ChunkCharacters = 24;

    private string FinishReason => Calls.Count > 0 ? "tool_calls" : "stop";

    public JsonObject Whole() => Envelope("chat.completion", usage: Usage(), new JsonObject
    {
        ["index"] = 0,
        ["message"] = Message(),
        ["logprobs"] = null,
        ["finish_reason"] = FinishReason,
    });

    public IEnumerable<JsonObject> Chunks(bool includeUsage)
    {
        yield return Chunk(new JsonObject { ["role"] = "assistant", ["content"] = Text is null ? null : "" });
        foreach (var piece in Pieces(Text ?? ""))
        {
            yield return Chunk(new JsonObject { ["content"] = piece });
        }
        for (var index = 0; index < Calls.Count; index++)
        {
            yield return Chunk(ToolDelta(index, Function(Calls[index], ""), Calls[index].Id));
            foreach (var piece in Pieces(Calls[index].Arguments))
            {
                yield return Chunk(ToolDelta(index, new JsonObject { ["arguments"] = piece }, id: null));
            }
        }
        yield return Chunk([], FinishReason);
        if (includeUsage)
        {
            yield return Envelope("chat.completion.chunk", Usage());
        }
    }

    private JsonObject Message()
    {
        var message = new JsonObject { ["role"] = "assistant", ["content"] = Text, ["refusal"] = null };
        if (Calls.Count > 0)
        {
            message["tool_calls"] = new JsonArray([.. Calls.Select(call => new JsonObject { ["id"] = call.Id, ["type"] = "function", ["function"] = Function(call, call.Arguments) })]);
        }
        return message;
    }

    private JsonObject Chunk(JsonObject delta, string? finish = null) => Envelope("chat.completion.chunk", usage: null, new JsonObject
    {
        ["index"] = 0,
        ["delta"] = delta,
        ["logprobs"] = null,
        ["finish_reason"] = finish,
    });

    private JsonObject Envelope(string kind, JsonObject? usage, params JsonNode[] choices)
    {
        var envelope = new JsonObject
        {
            ["id"] = Id,
            ["object"] = kind,
            ["created"] = Created,
            ["model"] = Model,
            ["system_fingerprint"] = "scripted",
            ["choices"] = new JsonArray(choices),
        };
        if (usage is not null)
        {
            envelope["usage"] = usage;
        }
        return envelope;
    }

    private JsonObject Usage()
    {
        var completion = AnswerNotes.Estimate((Text?.Length ?? 0) + Calls.Sum(call => call.Name.Length + call.Arguments.Length));
        // Marked, because a budget that took it for a provider's own count would trust four characters to be a token.
        return new JsonObject
        {
            ["prompt_tokens"] = PromptTokens,
            ["completion_tokens"] = completion,
            ["total_tokens"] = PromptTokens + completion,
            ["estimated"] = true,
        };
    }

    private static JsonObject Function(ScriptedCall call, string arguments) => new() { ["name"] = call.Name, ["arguments"] = arguments };

    private static JsonObject ToolDelta(int index, JsonObject function, string? id)
    {
        var call = new JsonObject { ["index"] = index };
        if (id is not null)
        {
            call["id"] = id;
            call["type"] = "function";
        }
        call["function"] = function;
        return new JsonObject { ["tool_calls"] = new JsonArray(call) };
    }

    /// <summary>Never between the halves of a surrogate pair: each chunk is valid text of its own.</summary>
    private static IEnumerable<string> Pieces(string text)
    {
        for (var start = 0; start < text.Length;)
        {
            var end = Math.Min(text.Length, start + ChunkCharacters);
            if (end < text.Length && char.IsHighSurrogate(text[end - 1]))
            {
                end++;
            }
            yield return text[start..end];
            start = end;
        }
    }
}
