using System.Text.Json;
using AgentPlatform.ModelFabric.Exchange;

namespace AgentPlatform.ModelFabric.Wire.Messages;

/// <summary>Takes Anthropic's answers apart, in one piece or event by event.</summary>
internal sealed class ReadMessagesAnswer : AnswerReader
{
    private readonly Dictionary<long, int> _calls = [];
    private readonly HashSet<long> _withoutArguments = [];
    private MessagesUsage _usage = new();
    private int _callsSeen;
    private bool _counted;

    public override IEnumerable<AnswerEvent> Whole(ReadOnlyMemory<byte> json)
    {
        using var document = JsonDocument.Parse(json, new JsonDocumentOptions { MaxDepth = CallRequest.DepthMax });
        var root = new Answered(document.RootElement);
        yield return new AnswerEvent.Began(root.Text("id"), root.Text("model"));
        long index = 0;
        foreach (var block in root.Items("content"))
        {
            foreach (var one in Block(block, index))
            {
                yield return one;
            }
            if (_withoutArguments.Remove(index))
            {
                yield return new AnswerEvent.ArgumentsCame(_calls[index], "{}");
            }
            index++;
        }
        foreach (var one in End(root, root))
        {
            yield return one;
        }
    }

    public override IEnumerable<AnswerEvent> Chunk(ReadOnlyMemory<byte> json)
    {
        using var document = JsonDocument.Parse(json, new JsonDocumentOptions { MaxDepth = CallRequest.DepthMax });
        var root = new Answered(document.RootElement);
        return [.. Event(root)];
    }

    private IEnumerable<AnswerEvent> Event(Answered root)
    {
        switch (root.Text("type"))
        {
            case "message_start" when root.Get("message") is { } message:
                Count(message);
                return [new AnswerEvent.Began(message.Text("id"), message.Text("model"))];
            case "content_block_start" when root.Get("content_block") is { } block:
                return Block(block, root.Number("index") ?? 0);
            case "content_block_delta" when root.Get("delta") is { } delta:
                return Delta(delta, root.Number("index") ?? 0);
            case "content_block_stop" when _withoutArguments.Remove(root.Number("index") ?? 0):
                // A call without arguments tells none; elsewhere none is written as an empty object.
                return [new AnswerEvent.ArgumentsCame(_calls[root.Number("index") ?? 0], "{}")];
            case "message_delta" when root.Get("delta") is { } end:
                return End(end, root);
            case "message_stop":
                Ended = true;
                return [];
            case "error":
                throw ModelCallException.Upstream("error_in_stream", $"The provider reported: {root.Get("error")?.Text("message") ?? "an error"}");
            default:
                return [];
        }
    }

    private IEnumerable<AnswerEvent> Block(Answered block, long index)
    {
        switch (block.Text("type"))
        {
            case "text":
                if (block.Text("text") is { Length: > 0 } text)
                {
                    yield return new AnswerEvent.Said(text);
                }
                break;
            case "thinking":
                if (block.Text("thinking") is { Length: > 0 } thought)
                {
                    yield return new AnswerEvent.Thought(thought);
                }
                if (block.Text("signature") is { Length: > 0 } seal)
                {
                    yield return new AnswerEvent.ThoughtSigned(seal);
                }
                break;
            case "redacted_thinking":
                yield return new AnswerEvent.ThoughtHidden(block.Text("data") ?? "");
                break;
            case "tool_use":
                var call = _calls[index] = _callsSeen++;
                _withoutArguments.Add(index);
                yield return new AnswerEvent.ToolCalled(call, block.Text("id") ?? throw new JsonException("a tool call without an id"), block.Text("name") ?? throw new JsonException("a tool call without a name"));
                if (block.Get("input") is { } input && input.Raw() is { Length: > 2 } arguments)
                {
                    _withoutArguments.Remove(index);
                    yield return new AnswerEvent.ArgumentsCame(call, arguments);
                }
                break;
            case var other:
                throw ModelCallException.Upstream("answer_not_carried", $"The answer holds a block of type '{other}', which the caller's format has no place for.");
        }
    }

    private IEnumerable<AnswerEvent> Delta(Answered delta, long index)
    {
        if (delta.Text("partial_json") is { Length: > 0 })
        {
            _withoutArguments.Remove(index);
        }
        AnswerEvent? one = delta.Text("type") switch
        {
            "text_delta" => new AnswerEvent.Said(delta.Text("text") ?? ""),
            "thinking_delta" => new AnswerEvent.Thought(delta.Text("thinking") ?? ""),
            "signature_delta" => new AnswerEvent.ThoughtSigned(delta.Text("signature") ?? ""),
            "input_json_delta" when _calls.TryGetValue(index, out var call) => new AnswerEvent.ArgumentsCame(call, delta.Text("partial_json") ?? ""),
            _ => null,
        };
        return one is null ? [] : [one];
    }

    private IEnumerable<AnswerEvent> End(Answered delta, Answered holder)
    {
        Count(holder);
        if (_counted)
        {
            yield return new AnswerEvent.Counted(_usage.Total);
        }
        if (delta.Text("stop_reason") is { } reason)
        {
            yield return new AnswerEvent.Finished(
                reason switch
                {
                    "max_tokens" or "model_context_window_exceeded" => Finish.Length,
                    "tool_use" => Finish.ToolCalls,
                    "refusal" => Finish.Refusal,
                    "stop_sequence" => Finish.StopSequence,
                    _ => Finish.Stop,
                },
                delta.Text("stop_sequence"));
        }
    }

    private void Count(Answered holder)
    {
        if (holder.Get("usage") is { IsObject: true } usage)
        {
            _counted |= usage.Number("input_tokens") is not null;
            _usage = _usage.With(usage.Number("input_tokens"), usage.Number("cache_read_input_tokens"), usage.Number("cache_creation_input_tokens"), usage.Number("output_tokens"));
        }
    }
}
