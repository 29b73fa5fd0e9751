using System.Text.Json;
using System.Text.Json.Nodes;
using AgentPlatform.ModelFabric.Exchange;
using AgentPlatform.ModelFabric.Wire.Chat;

namespace AgentPlatform.ModelFabric.Wire.Responses;

/// <summary>OpenAI responses. Providers that have them get them as they are; for others a response that keeps nothing on a server is translated.</summary>
public sealed class ResponsesFormat : OpenAiFormat
{
    public static readonly ResponsesFormat Instance = new();

    private ResponsesFormat()
    {
    }

    public override string Name => "responses";

    public override string Path(string model, bool stream) => "responses";

    public override AnswerObserver Observe(AnswerNotes notes) => new ObserveResponses(notes);

    /// <summary>An error here is an event with a name, and flat.</summary>
    public override byte[] StreamError(ModelCallException failure) => EventBytes.One("error", EventBytes.Json(new JsonObject
    {
        ["type"] = "error", ["code"] = failure.Error.Code, ["message"] = failure.Error.Message, ["param"] = failure.Error.Param, ["sequence_number"] = 0,
    }));

    public override ModelRequest Read(ReadOnlyMemory<byte> body, Passage passage) => ReadResponsesRequest.From(body, passage);

    public override AnswerWriter Writer(AnswerHead head) => new WriteResponsesAnswer(head);

    private sealed class ObserveResponses(AnswerNotes notes) : AnswerObserver(notes)
    {
        protected override void Read(JsonElement root)
        {
            if (Text(root, "object"u8) == "response")
            {
                Response(root);
                return;
            }
            switch (Text(root, "type"u8))
            {
                case "response.completed" or "response.incomplete" or "response.failed" when root.TryGetProperty("response"u8, out var response):
                    Ended = true;
                    Response(response);
                    break;
                case "error":
                    (Ended, Notes.ErrorInAnswer) = (true, "error_in_stream");
                    break;
                case { } delta when delta.EndsWith(".delta", StringComparison.Ordinal):
                    Notes.Characters += Text(root, "delta"u8)?.Length ?? 0;
                    break;
            }
        }

        private void Response(JsonElement response)
        {
            Notes.Named(Text(response, "model"u8));
            Notes.FinishReason = Text(response, "status"u8);
            if (Notes.FinishReason == "failed")
            {
                Notes.ErrorInAnswer = "error_in_answer";
            }
            if (response.TryGetProperty("usage"u8, out var usage) && usage.ValueKind == JsonValueKind.Object
                && Number(usage, "input_tokens"u8) is { } input && Number(usage, "output_tokens"u8) is { } output)
            {
                Notes.Counted(new AnswerUsage(input, output, CacheRead: Cached(usage, "input_tokens_details"u8), Reasoning: Reasoned(usage, "output_tokens_details"u8)));
            }
        }
    }
}
