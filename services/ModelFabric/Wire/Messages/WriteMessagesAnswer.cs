using System.Text.Json;
using System.Text.Json.Nodes;
using AgentPlatform.ModelFabric.Exchange;

namespace AgentPlatform.ModelFabric.Wire.Messages;

/// <summary>Puts Anthropic messages together: blocks that are opened, filled and closed one after the other.</summary>
internal sealed class WriteMessagesAnswer(AnswerHead head) : AnswerWriter
{
    private int _index = -1;
    private string? _open;
    private int _openCall = -1;
    private bool _began;

    public override byte[] Whole(AnswerDraft draft, AnswerNotes notes)
    {
        var message = Message(notes.Model);
        message["content"] = new JsonArray([.. draft.Parts().Select(Block)]);
        (message["stop_reason"], message["stop_sequence"]) = (StopReason(notes), notes.StopSequence);
        message["usage"] = Usage(notes.Usage);
        return EventBytes.Json(message);
    }

    public override void Write(AnswerEvent one, EventBytes into)
    {
        switch (one)
        {
            case AnswerEvent.Began began:
                Begin(began.Model, into);
                break;
            case AnswerEvent.Thought thought:
                Open("thinking", new JsonObject { ["type"] = "thinking", ["thinking"] = "", ["signature"] = "" }, into);
                Delta(new JsonObject { ["type"] = "thinking_delta", ["thinking"] = thought.Piece }, into);
                break;
            case AnswerEvent.ThoughtSigned signed:
                Open("thinking", new JsonObject { ["type"] = "thinking", ["thinking"] = "", ["signature"] = "" }, into);
                Delta(new JsonObject { ["type"] = "signature_delta", ["signature"] = signed.Signature }, into);
                Shut(into);
                break;
            case AnswerEvent.ThoughtHidden hidden:
                Shut(into);
                Open("hidden", new JsonObject { ["type"] = "redacted_thinking", ["data"] = hidden.Data }, into);
                Shut(into);
                break;
            case AnswerEvent.Said { Piece: var said }:
                Say(said, into);
                break;
            case AnswerEvent.Refused { Piece: var refused }:
                Say(refused, into);
                break;
            case AnswerEvent.ToolCalled call:
                Shut(into);
                Open("call", new JsonObject { ["type"] = "tool_use", ["id"] = call.Id, ["name"] = call.Name, ["input"] = new JsonObject() }, into);
                _openCall = call.Call;
                break;
            case AnswerEvent.ArgumentsCame came:
                if (_open != "call" || _openCall != came.Call)
                {
                    throw ModelCallException.Upstream("answer_not_carried", "The provider mixed the arguments of two tool calls; Anthropic messages carry one call after the other.");
                }
                Delta(new JsonObject { ["type"] = "input_json_delta", ["partial_json"] = came.Piece }, into);
                break;
        }
    }

    public override void Close(AnswerNotes notes, EventBytes into)
    {
        Begin(notes.Model, into);
        Shut(into);
        into.Add("message_delta", new JsonObject
        {
            ["type"] = "message_delta",
            ["delta"] = new JsonObject { ["stop_reason"] = StopReason(notes), ["stop_sequence"] = notes.StopSequence },
            ["usage"] = Usage(notes.Usage),
        });
        into.Add("message_stop", new JsonObject { ["type"] = "message_stop" });
    }

    private void Say(string text, EventBytes into)
    {
        Open("text", new JsonObject { ["type"] = "text", ["text"] = "", ["citations"] = null }, into);
        Delta(new JsonObject { ["type"] = "text_delta", ["text"] = text }, into);
    }

    private void Begin(string? model, EventBytes into)
    {
        if (_began)
        {
            return;
        }
        _began = true;
        var message = Message(model);
        message["content"] = new JsonArray();
        (message["stop_reason"], message["stop_sequence"]) = (null, null);
        // Other formats count at the end; the message_delta says it then.
        message["usage"] = Usage(new AnswerUsage(0, 0));
        into.Add("message_start", new JsonObject { ["type"] = "message_start", ["message"] = message });
    }

    private void Open(string kind, JsonObject block, EventBytes into)
    {
        Begin(model: null, into);
        if (_open == kind && kind is ("text" or "thinking"))
        {
            return;
        }
        Shut(into);
        (_open, _index) = (kind, _index + 1);
        into.Add("content_block_start", new JsonObject { ["type"] = "content_block_start", ["index"] = _index, ["content_block"] = block });
    }

    private void Delta(JsonObject delta, EventBytes into) =>
        into.Add("content_block_delta", new JsonObject { ["type"] = "content_block_delta", ["index"] = _index, ["delta"] = delta });

    private void Shut(EventBytes into)
    {
        if (_open is not null)
        {
            _open = null;
            into.Add("content_block_stop", new JsonObject { ["type"] = "content_block_stop", ["index"] = _index });
        }
    }

    private JsonObject Message(string? model) => new() { ["id"] = head.Id("msg_"), ["type"] = "message", ["role"] = "assistant", ["model"] = model ?? head.Model };

    private static JsonNode Block(Part part) => part switch
    {
        Part.Text text => new JsonObject { ["type"] = "text", ["text"] = text.Value, ["citations"] = null },
        Part.Refusal refusal => new JsonObject { ["type"] = "text", ["text"] = refusal.Value, ["citations"] = null },
        Part.Thinking thinking => new JsonObject { ["type"] = "thinking", ["thinking"] = thinking.Value, ["signature"] = thinking.Signature ?? "" },
        Part.HiddenThinking hidden => new JsonObject { ["type"] = "redacted_thinking", ["data"] = hidden.Data },
        Part.ToolCall call => new JsonObject { ["type"] = "tool_use", ["id"] = call.Id, ["name"] = call.Name, ["input"] = Input(call) },
        _ => throw new InvalidOperationException($"an answer does not hold {part.GetType().Name}"),
    };

    private static JsonObject Input(Part.ToolCall call)
    {
        try
        {
            return JsonNode.Parse(call.Arguments) as JsonObject ?? throw new JsonException("no object");
        }
        catch (JsonException broken)
        {
            throw ModelCallException.Upstream("upstream_invalid_answer", $"The model called '{call.Name}' with arguments that are no JSON object.", inner: broken);
        }
    }

    private static string StopReason(AnswerNotes notes) => notes.Finish switch
    {
        Finish.Length => "max_tokens",
        Finish.ToolCalls => "tool_use",
        Finish.Refusal => "refusal",
        Finish.StopSequence => "stop_sequence",
        _ => "end_turn",
    };

    private static JsonObject Usage(AnswerUsage? usage) => new()
    {
        ["input_tokens"] = usage is null ? 0 : usage.Input - usage.CacheRead - usage.CacheWrite,
        ["cache_creation_input_tokens"] = usage?.CacheWrite ?? 0,
        ["cache_read_input_tokens"] = usage?.CacheRead ?? 0,
        ["output_tokens"] = usage?.Output ?? 0,
    };
}
