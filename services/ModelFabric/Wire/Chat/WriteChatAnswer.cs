using System.Text.Json.Nodes;
using AgentPlatform.ModelFabric.Exchange;

namespace AgentPlatform.ModelFabric.Wire.Chat;

/// <summary>
/// Puts chat completions together. Reasoning stands in <c>reasoning_content</c> to be read, and in <c>reasoning_details</c> with
/// its seals, so that a client that sends the message back sends all of it.
/// </summary>
internal sealed class WriteChatAnswer(AnswerHead head) : AnswerWriter
{
    private bool _began;
    private bool _thinking;
    private string? _seal;
    private string? _model;

    public override byte[] Whole(AnswerDraft draft, AnswerNotes notes)
    {
        var parts = draft.Parts();
        var text = string.Concat(parts.OfType<Part.Text>().Select(part => part.Value));
        var refusal = string.Concat(parts.OfType<Part.Refusal>().Select(part => part.Value));
        var message = new JsonObject { ["role"] = "assistant", ["content"] = text.Length > 0 ? text : null, ["refusal"] = refusal.Length > 0 ? refusal : null };
        var (thought, details, calls) = (string.Concat(parts.OfType<Part.Thinking>().Select(part => part.Value)), new JsonArray(), new JsonArray());
        for (var i = 0; i < parts.Count; i++)
        {
            switch (parts[i])
            {
                case Part.Thinking { Value: "", Signature: not null } when i + 1 < parts.Count && parts[i + 1] is Part.ToolCall:
                    break;
                case Part.Thinking thinking:
                    details.Add(Detail(thinking.Value, thinking.Signature));
                    break;
                case Part.HiddenThinking hidden:
                    details.Add(Hidden(hidden.Data));
                    break;
                case Part.ToolCall call:
                    calls.Add(Call(call.Id, call.Name, call.Arguments, i > 0 && parts[i - 1] is Part.Thinking { Value: "", Signature: { } seal } ? seal : null));
                    break;
            }
        }
        if (thought.Length > 0)
        {
            message["reasoning_content"] = thought;
        }
        if (details.Count > 0)
        {
            message["reasoning_details"] = details;
        }
        if (calls.Count > 0)
        {
            message["tool_calls"] = calls;
        }
        _model = notes.Model;
        var choice = new JsonObject { ["index"] = 0, ["message"] = message, ["logprobs"] = null, ["finish_reason"] = notes.FinishReason ?? "stop" };
        var answer = Envelope("chat.completion", choice);
        answer["usage"] = notes.Usage is { } usage ? Usage(usage) : null;
        return EventBytes.Json(answer);
    }

    public override void Write(AnswerEvent one, EventBytes into)
    {
        if (_seal is not null && one is not AnswerEvent.ToolCalled)
        {
            Seal(into);
        }
        switch (one)
        {
            case AnswerEvent.Began began:
                _model ??= began.Model;
                Begin(into);
                break;
            case AnswerEvent.Thought thought:
                _thinking = true;
                Delta(into, new JsonObject { ["reasoning_content"] = thought.Piece, ["reasoning_details"] = new JsonArray(Detail(thought.Piece, signature: null)) });
                break;
            case AnswerEvent.ThoughtSigned signed when _thinking:
                _thinking = false;
                Delta(into, new JsonObject { ["reasoning_details"] = new JsonArray(Detail(text: null, signed.Signature)) });
                break;
            case AnswerEvent.ThoughtSigned signed:
                _seal = signed.Signature;
                break;
            case AnswerEvent.ThoughtHidden hidden:
                Delta(into, new JsonObject { ["reasoning_details"] = new JsonArray(Hidden(hidden.Data)) });
                break;
            case AnswerEvent.Said said:
                Delta(into, new JsonObject { ["content"] = said.Piece });
                break;
            case AnswerEvent.Refused refused:
                Delta(into, new JsonObject { ["refusal"] = refused.Piece });
                break;
            case AnswerEvent.ToolCalled call:
                var begun = Call(call.Id, call.Name, "", _seal);
                (_seal, begun["index"]) = (null, call.Call);
                Delta(into, new JsonObject { ["tool_calls"] = new JsonArray(begun) });
                break;
            case AnswerEvent.ArgumentsCame came:
                Delta(into, new JsonObject { ["tool_calls"] = new JsonArray(new JsonObject { ["index"] = came.Call, ["function"] = new JsonObject { ["arguments"] = came.Piece } }) });
                break;
        }
    }

    public override void Close(AnswerNotes notes, EventBytes into)
    {
        Begin(into);
        Seal(into);
        into.Add(name: null, Envelope("chat.completion.chunk", new JsonObject { ["index"] = 0, ["delta"] = new JsonObject(), ["logprobs"] = null, ["finish_reason"] = notes.FinishReason ?? "stop" }));
        if (head.IncludeUsage && notes.Usage is { } usage)
        {
            var last = Envelope("chat.completion.chunk");
            last["usage"] = Usage(usage);
            into.Add(name: null, last);
        }
        into.Add(name: null, "[DONE]"u8);
    }

    /// <summary>A seal that no call followed belongs to the reasoning.</summary>
    private void Seal(EventBytes into)
    {
        if (_seal is { } seal)
        {
            _seal = null;
            Delta(into, new JsonObject { ["reasoning_details"] = new JsonArray(Detail(text: null, seal)) });
        }
    }

    private void Begin(EventBytes into)
    {
        if (!_began)
        {
            _began = true;
            Delta(into, new JsonObject { ["role"] = "assistant", ["content"] = "" });
        }
    }

    private void Delta(EventBytes into, JsonObject delta)
    {
        Begin(into);
        into.Add(name: null, Envelope("chat.completion.chunk", new JsonObject { ["index"] = 0, ["delta"] = delta, ["logprobs"] = null, ["finish_reason"] = null }));
    }

    private JsonObject Envelope(string kind, params JsonNode[] choices) => new()
    {
        ["id"] = head.Id("chatcmpl-"),
        ["object"] = kind,
        ["created"] = head.At.ToUnixTimeSeconds(),
        ["model"] = _model ?? head.Model,
        ["choices"] = new JsonArray(choices),
    };

    private static JsonObject Call(string id, string name, string arguments, string? seal)
    {
        var call = new JsonObject { ["id"] = id, ["type"] = "function", ["function"] = new JsonObject { ["name"] = name, ["arguments"] = arguments } };
        if (seal is not null)
        {
            call["extra_content"] = new JsonObject { ["google"] = new JsonObject { ["thought_signature"] = seal } };
        }
        return call;
    }

    private static JsonObject Detail(string? text, string? signature)
    {
        var detail = new JsonObject { ["type"] = "reasoning.text", ["index"] = 0 };
        if (text is not null)
        {
            detail["text"] = text;
        }
        if (signature is not null)
        {
            detail["signature"] = signature;
        }
        return detail;
    }

    private static JsonObject Hidden(string data) => new() { ["type"] = "reasoning.encrypted", ["index"] = 0, ["data"] = data };

    private static JsonObject Usage(AnswerUsage usage) => new()
    {
        ["prompt_tokens"] = usage.Input,
        ["completion_tokens"] = usage.Output,
        ["total_tokens"] = usage.Input + usage.Output,
        ["prompt_tokens_details"] = new JsonObject { ["cached_tokens"] = usage.CacheRead },
        ["completion_tokens_details"] = new JsonObject { ["reasoning_tokens"] = usage.Reasoning },
    };
}
