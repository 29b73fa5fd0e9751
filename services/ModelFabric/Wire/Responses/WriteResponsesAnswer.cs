using System.Text;
using System.Text.Json.Nodes;
using AgentPlatform.ModelFabric.Exchange;

namespace AgentPlatform.ModelFabric.Wire.Responses;

/// <summary>Puts responses together: items that are added, filled and done one after the other, every event numbered.</summary>
internal sealed class WriteResponsesAnswer(AnswerHead head) : AnswerWriter
{
    /// <summary>Marks encrypted content that stands for a whole block of hidden reasoning, not for the seal of a readable one.</summary>
    public const string Hidden = "hidden:";

    private readonly JsonArray _done = [];
    private readonly StringBuilder _text = new();
    private JsonObject? _item;
    private string _kind = "";
    private string? _model;
    private bool _began;
    private int _number;

    public override byte[] Whole(AnswerDraft draft, AnswerNotes notes)
    {
        _model = notes.Model;
        foreach (var part in draft.Parts())
        {
            _done.Add(part switch
            {
                Part.Text text => Message(TextPart(text.Value), "completed"),
                Part.Refusal refusal => Message(RefusalPart(refusal.Value), "completed"),
                Part.Thinking thinking => Reasoning(thinking.Value, thinking.Signature),
                Part.HiddenThinking hidden => Reasoning("", Hidden + hidden.Data),
                Part.ToolCall call => Call(call.Id, call.Name, call.Arguments, "completed"),
                _ => throw new InvalidOperationException($"an answer does not hold {part.GetType().Name}"),
            });
        }
        return EventBytes.Json(Response(Status(notes), notes));
    }

    public override void Write(AnswerEvent one, EventBytes into)
    {
        switch (one)
        {
            case AnswerEvent.Began began:
                _model ??= began.Model;
                Begin(into);
                break;
            case AnswerEvent.Thought thought:
                Open("reasoning", () => Reasoning("", seal: null), into);
                _text.Append(thought.Piece);
                Part("response.reasoning_text.delta", new JsonObject { ["delta"] = thought.Piece }, into);
                break;
            case AnswerEvent.ThoughtSigned signed:
                Open("reasoning", () => Reasoning("", seal: null), into);
                _item!["encrypted_content"] = signed.Signature;
                Shut(into);
                break;
            case AnswerEvent.ThoughtHidden hidden:
                Shut(into);
                Open("reasoning", () => Reasoning("", Hidden + hidden.Data), into);
                Shut(into);
                break;
            case AnswerEvent.Said said:
                Open("text", () => Message(part: null, "in_progress"), into);
                _text.Append(said.Piece);
                Part("response.output_text.delta", new JsonObject { ["delta"] = said.Piece, ["logprobs"] = new JsonArray() }, into);
                break;
            case AnswerEvent.Refused refused:
                Open("refusal", () => Message(part: null, "in_progress"), into);
                _text.Append(refused.Piece);
                Part("response.refusal.delta", new JsonObject { ["delta"] = refused.Piece }, into);
                break;
            case AnswerEvent.ToolCalled call:
                Shut(into);
                Open($"call {call.Call}", () => Call(call.Id, call.Name, "", "in_progress"), into);
                break;
            case AnswerEvent.ArgumentsCame came:
                if (_kind != $"call {came.Call}")
                {
                    throw ModelCallException.Upstream("answer_not_carried", "The provider mixed the arguments of two tool calls; responses carry one call after the other.");
                }
                _text.Append(came.Piece);
                Event("response.function_call_arguments.delta", new JsonObject { ["item_id"] = ItemId, ["output_index"] = _done.Count, ["delta"] = came.Piece }, into);
                break;
        }
    }

    public override void Close(AnswerNotes notes, EventBytes into)
    {
        Begin(into);
        Shut(into);
        var status = Status(notes);
        Event($"response.{status}", new JsonObject { ["response"] = Response(status, notes) }, into);
    }

    private string ItemId => (string)_item!["id"]!;

    private void Begin(EventBytes into)
    {
        if (!_began)
        {
            _began = true;
            Event("response.created", new JsonObject { ["response"] = Response("in_progress", notes: null) }, into);
            Event("response.in_progress", new JsonObject { ["response"] = Response("in_progress", notes: null) }, into);
        }
    }

    private void Open(string kind, Func<JsonObject> item, EventBytes into)
    {
        Begin(into);
        if (_item is not null && _kind == kind)
        {
            return;
        }
        Shut(into);
        (_item, _kind) = (item(), kind);
        Event("response.output_item.added", new JsonObject { ["output_index"] = _done.Count, ["item"] = _item.DeepClone() }, into);
        if (kind is "text" or "refusal")
        {
            Part("response.content_part.added", new JsonObject { ["part"] = kind == "text" ? TextPart("") : RefusalPart("") }, into);
        }
    }

    /// <summary>The whole of an item follows its pieces, so that a client may read either.</summary>
    private void Shut(EventBytes into)
    {
        if (_item is not { } item)
        {
            return;
        }
        var text = _text.ToString();
        switch (_kind)
        {
            case "text":
                Part("response.output_text.done", new JsonObject { ["text"] = text, ["logprobs"] = new JsonArray() }, into);
                Part("response.content_part.done", new JsonObject { ["part"] = TextPart(text) }, into);
                (item["content"], item["status"]) = (new JsonArray(TextPart(text)), "completed");
                break;
            case "refusal":
                Part("response.refusal.done", new JsonObject { ["refusal"] = text }, into);
                Part("response.content_part.done", new JsonObject { ["part"] = RefusalPart(text) }, into);
                (item["content"], item["status"]) = (new JsonArray(RefusalPart(text)), "completed");
                break;
            case "reasoning":
                if (text.Length > 0)
                {
                    Part("response.reasoning_text.done", new JsonObject { ["text"] = text }, into);
                    item["content"] = new JsonArray(ReasoningPart(text));
                }
                break;
            default:
                (item["arguments"], item["status"]) = (text.Length > 0 ? text : "{}", "completed");
                Event("response.function_call_arguments.done",
                    new JsonObject { ["item_id"] = ItemId, ["output_index"] = _done.Count, ["name"] = (string)item["name"]!, ["arguments"] = (string)item["arguments"]! }, into);
                break;
        }
        Event("response.output_item.done", new JsonObject { ["output_index"] = _done.Count, ["item"] = item.DeepClone() }, into);
        _done.Add(item);
        _text.Clear();
        (_item, _kind) = (null, "");
    }

    private void Part(string type, JsonObject data, EventBytes into)
    {
        (data["item_id"], data["output_index"], data["content_index"]) = (ItemId, _done.Count, 0);
        Event(type, data, into);
    }

    private void Event(string type, JsonObject data, EventBytes into)
    {
        (data["type"], data["sequence_number"]) = (type, _number++);
        into.Add(type, data);
    }

    private JsonObject Response(string status, AnswerNotes? notes) => new()
    {
        ["id"] = head.Id("resp_"),
        ["object"] = "response",
        ["created_at"] = head.At.ToUnixTimeSeconds(),
        ["status"] = status,
        ["error"] = null,
        ["incomplete_details"] = status == "incomplete" ? new JsonObject { ["reason"] = notes?.Finish == Finish.Refusal ? "content_filter" : "max_output_tokens" } : null,
        ["model"] = _model ?? head.Model,
        ["output"] = _done.DeepClone(),
        ["parallel_tool_calls"] = true,
        ["tool_choice"] = "auto",
        ["tools"] = new JsonArray(),
        ["usage"] = notes?.Usage is not { } usage ? null : new JsonObject
        {
            ["input_tokens"] = usage.Input,
            ["input_tokens_details"] = new JsonObject { ["cached_tokens"] = usage.CacheRead },
            ["output_tokens"] = usage.Output,
            ["output_tokens_details"] = new JsonObject { ["reasoning_tokens"] = usage.Reasoning },
            ["total_tokens"] = usage.Input + usage.Output,
        },
    };

    private static string Status(AnswerNotes notes) => notes.Finish is Finish.Length or Finish.Refusal ? "incomplete" : "completed";

    private JsonObject Message(JsonObject? part, string status) => new()
    {
        ["id"] = Item("msg"), ["type"] = "message", ["role"] = "assistant", ["status"] = status, ["content"] = part is null ? new JsonArray() : new JsonArray(part),
    };

    private JsonObject Reasoning(string text, string? seal)
    {
        var item = new JsonObject { ["id"] = Item("rs"), ["type"] = "reasoning", ["summary"] = new JsonArray() };
        if (text.Length > 0)
        {
            item["content"] = new JsonArray(ReasoningPart(text));
        }
        if (seal is not null)
        {
            item["encrypted_content"] = seal;
        }
        return item;
    }

    private JsonObject Call(string id, string name, string arguments, string status) => new()
    {
        ["id"] = Item("fc"), ["type"] = "function_call", ["call_id"] = id, ["name"] = name, ["arguments"] = arguments, ["status"] = status,
    };

    private string Item(string prefix) => $"{prefix}_{head.Call:N}_{_done.Count}";

    private static JsonObject TextPart(string text) => new() { ["type"] = "output_text", ["text"] = text, ["annotations"] = new JsonArray(), ["logprobs"] = new JsonArray() };

    private static JsonObject RefusalPart(string text) => new() { ["type"] = "refusal", ["refusal"] = text };

    private static JsonObject ReasoningPart(string text) => new() { ["type"] = "reasoning_text", ["text"] = text };
}
