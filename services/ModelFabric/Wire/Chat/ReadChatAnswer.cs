using System.Text.Json;
using AgentPlatform.ModelFabric.Exchange;

namespace AgentPlatform.ModelFabric.Wire.Chat;

/// <summary>Takes chat completions apart, in one piece or in chunks, with the reasoning fields that compatible providers add.</summary>
internal sealed class ReadChatAnswer(Guid asked) : AnswerReader
{
    private readonly Dictionary<long, (int Call, string Id)> _calls = [];
    private bool _began;
    private int _callsSeen;

    public override bool Mark(ReadOnlySpan<byte> data) => Ended |= data.SequenceEqual("[DONE]"u8);

    public override IEnumerable<AnswerEvent> Whole(ReadOnlyMemory<byte> json) => Read(json, "message");

    public override IEnumerable<AnswerEvent> Chunk(ReadOnlyMemory<byte> json) => Read(json, "delta");

    private IEnumerable<AnswerEvent> Read(ReadOnlyMemory<byte> json, string holder)
    {
        using var document = JsonDocument.Parse(json, new JsonDocumentOptions { MaxDepth = CallRequest.DepthMax });
        var root = new Answered(document.RootElement);
        if (root.Get("error") is { } error)
        {
            throw ModelCallException.Upstream("error_in_stream", $"The provider reported: {error.Text("message") ?? "an error"}");
        }
        if (!_began && root.Text("id") is { } id)
        {
            _began = true;
            yield return new AnswerEvent.Began(id, root.Text("model"));
        }
        if (root.Items("choices").FirstOrDefault() is { IsObject: true } choice)
        {
            if (choice.Get(holder) is { IsObject: true } said)
            {
                foreach (var one in Said(said))
                {
                    yield return one;
                }
            }
            if (choice.Text("finish_reason") is { } reason)
            {
                yield return new AnswerEvent.Finished(FinishOf(reason));
            }
        }
        if (root.Get("usage") is { IsObject: true } usage && usage.Number("prompt_tokens") is { } input && usage.Number("completion_tokens") is { } output)
        {
            yield return new AnswerEvent.Counted(new AnswerUsage(input, output,
                CacheRead: usage.Get("prompt_tokens_details")?.Number("cached_tokens") ?? 0, Reasoning: usage.Get("completion_tokens_details")?.Number("reasoning_tokens") ?? 0));
        }
    }

    private IEnumerable<AnswerEvent> Said(Answered said) => [.. Thoughts(said), .. Content(said), .. Calls(said)];

    private static IEnumerable<AnswerEvent> Thoughts(Answered said)
    {
        var details = said.Items("reasoning_details").ToArray();
        if (details.Length == 0 && (said.Text("reasoning_content") ?? said.Text("reasoning")) is { Length: > 0 } thought)
        {
            yield return new AnswerEvent.Thought(thought);
        }
        foreach (var detail in details)
        {
            if ((detail.Text("text") ?? detail.Text("summary")) is { Length: > 0 } text)
            {
                yield return new AnswerEvent.Thought(text);
            }
            if (detail.Text("signature") is { Length: > 0 } signature)
            {
                yield return new AnswerEvent.ThoughtSigned(signature);
            }
            if (detail.Text("data") is { Length: > 0 } data)
            {
                yield return new AnswerEvent.ThoughtHidden(data);
            }
        }
    }

    private static IEnumerable<AnswerEvent> Content(Answered said)
    {
        if (said.Text("content") is { Length: > 0 } content)
        {
            yield return new AnswerEvent.Said(content);
        }
        foreach (var part in said.Items("content"))
        {
            if (part.Text("type") == "thinking")
            {
                yield return new AnswerEvent.Thought(string.Concat(part.Items("thinking").Select(piece => piece.Text("text"))));
            }
            else if (part.Text("text") is { Length: > 0 } text)
            {
                yield return new AnswerEvent.Said(text);
            }
        }
        if (said.Text("refusal") is { Length: > 0 } refusal)
        {
            yield return new AnswerEvent.Refused(refusal);
        }
    }

    private IEnumerable<AnswerEvent> Calls(Answered said)
    {
        var place = 0L;
        foreach (var call in said.Items("tool_calls"))
        {
            var index = call.Number("index") ?? place;
            place++;
            var (id, function) = (call.Text("id"), call.Get("function"));
            // Some servers count every call as the first; a new id is a new call all the same.
            if (!_calls.TryGetValue(index, out var known) || (id is { Length: > 0 } && id != known.Id))
            {
                if (function?.Text("name") is not { Length: > 0 } name)
                {
                    throw new JsonException("a tool call without a name");
                }
                known = _calls[index] = (_callsSeen, id is { Length: > 0 } ? id : $"call{asked:N}_{_callsSeen}");
                _callsSeen++;
                if (call.Get("extra_content")?.Get("google")?.Text("thought_signature") is { } signature)
                {
                    yield return new AnswerEvent.ThoughtSigned(signature);
                }
                yield return new AnswerEvent.ToolCalled(known.Call, known.Id, name);
            }
            if (function?.Text("arguments") is { Length: > 0 } arguments)
            {
                yield return new AnswerEvent.ArgumentsCame(known.Call, arguments);
            }
        }
    }

    /// <summary>Some servers say "stop" although they want a tool called; the calls tell.</summary>
    private Finish FinishOf(string reason) => reason switch
    {
        "length" => Finish.Length,
        "content_filter" => Finish.Refusal,
        "tool_calls" or "function_call" => Finish.ToolCalls,
        _ => _callsSeen > 0 ? Finish.ToolCalls : Finish.Stop,
    };
}
