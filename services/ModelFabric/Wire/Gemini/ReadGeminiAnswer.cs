using System.Text.Json;
using AgentPlatform.ModelFabric.Exchange;

namespace AgentPlatform.ModelFabric.Wire.Gemini;

/// <summary>Takes Google's answers apart. A stream is a row of the same answers, each with its piece; nothing marks its end but a finish reason.</summary>
internal sealed class ReadGeminiAnswer(Guid asked) : AnswerReader
{
    private bool _began;
    private int _calls;

    public override IEnumerable<AnswerEvent> Whole(ReadOnlyMemory<byte> json) => Chunk(json);

    public override IEnumerable<AnswerEvent> Chunk(ReadOnlyMemory<byte> json)
    {
        using var document = JsonDocument.Parse(json, new JsonDocumentOptions { MaxDepth = CallRequest.DepthMax });
        var root = new Answered(document.RootElement);
        if (root.Get("error") is { } error)
        {
            throw ModelCallException.Upstream("error_in_stream", $"The provider reported: {error.Text("message") ?? "an error"}");
        }
        return [.. Read(root)];
    }

    private IEnumerable<AnswerEvent> Read(Answered root)
    {
        if (!_began)
        {
            _began = true;
            yield return new AnswerEvent.Began(root.Text("responseId"), root.Text("modelVersion"));
        }
        if (root.Get("promptFeedback")?.Text("blockReason") is not null)
        {
            yield return new AnswerEvent.Finished(Finish.Refusal);
        }
        if (root.Items("candidates").FirstOrDefault() is { IsObject: true } candidate)
        {
            foreach (var one in candidate.Get("content") is { } content ? content.Items("parts").SelectMany(Part) : [])
            {
                yield return one;
            }
            if (candidate.Text("finishReason") is { } reason)
            {
                yield return new AnswerEvent.Finished(FinishOf(reason));
            }
        }
        if (root.Get("usageMetadata") is { } usage && usage.Number("promptTokenCount") is { } prompt)
        {
            var thoughts = usage.Number("thoughtsTokenCount") ?? 0;
            yield return new AnswerEvent.Counted(new AnswerUsage(
                prompt + (usage.Number("toolUsePromptTokenCount") ?? 0), (usage.Number("candidatesTokenCount") ?? 0) + thoughts,
                CacheRead: usage.Number("cachedContentTokenCount") ?? 0, Reasoning: thoughts));
        }
    }

    private IEnumerable<AnswerEvent> Part(Answered part)
    {
        if (part.Text("thoughtSignature") is { Length: > 0 } seal)
        {
            yield return new AnswerEvent.ThoughtSigned(seal);
        }
        if (part.Get("functionCall") is { } call)
        {
            var number = _calls++;
            yield return new AnswerEvent.ToolCalled(number, call.Text("id") ?? $"call{asked:N}_{number}", call.Text("name") ?? throw new JsonException("a function call without a name"));
            yield return new AnswerEvent.ArgumentsCame(number, call.Get("args")?.Raw() ?? "{}");
        }
        else if (part.Text("text") is { } text)
        {
            if (text.Length > 0)
            {
                yield return part.Flag("thought") ? new AnswerEvent.Thought(text) : new AnswerEvent.Said(text);
            }
        }
        else if (part.Text("thoughtSignature") is null)
        {
            throw ModelCallException.Upstream("answer_not_carried", "The answer holds a part that is neither text nor a function call, which the caller's format has no place for.");
        }
    }

    private Finish FinishOf(string reason) => reason switch
    {
        "MAX_TOKENS" => Finish.Length,
        "MALFORMED_FUNCTION_CALL" or "UNEXPECTED_TOOL_CALL" => throw ModelCallException.Upstream("upstream_invalid_answer", $"The model ended with {reason}: it called a tool in a way that nobody can read. Ask again."),
        "SAFETY" or "RECITATION" or "BLOCKLIST" or "PROHIBITED_CONTENT" or "SPII" or "IMAGE_SAFETY" or "LANGUAGE" => Finish.Refusal,
        // A wish to call tools ends with STOP like any answer; the calls tell.
        _ => _calls > 0 ? Finish.ToolCalls : Finish.Stop,
    };
}
