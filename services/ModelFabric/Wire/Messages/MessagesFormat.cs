using System.Text.Json.Nodes;
using AgentPlatform.ModelFabric.Exchange;
using AgentPlatform.ModelFabric.Providers;

namespace AgentPlatform.ModelFabric.Wire.Messages;

/// <summary>Anthropic messages.</summary>
public sealed class MessagesFormat : WireFormat
{
    public static readonly MessagesFormat Instance = new();

    private static readonly byte[] Stop = EventBytes.One("message_stop", """{"type":"message_stop"}"""u8.ToArray());

    private MessagesFormat()
    {
    }

    public override string Name => "messages";
    public override (string Name, bool IsList)? Required => ("messages", true);
    public override IReadOnlyList<string> HeadersPassed { get; } = [Version, "anthropic-beta"];
    public override string RequestIdHeader => "request-id";
    public override ReadOnlyMemory<byte> StreamEnd => Stop;

    public const string Version = "anthropic-version";
    public const string VersionDefault = "2023-06-01";

    public override string Path(string model, bool stream) => "messages";

    public override AnswerObserver Observe(AnswerNotes notes) => new ObserveMessages(notes);

    public override byte[] Error(ModelCallException failure, string? requestId) => EventBytes.Json(Body(failure, requestId));

    public override byte[] StreamError(ModelCallException failure) => EventBytes.One("error", EventBytes.Json(Body(failure, requestId: null)));

    public override ModelRequest Read(ReadOnlyMemory<byte> body, Passage passage) => ReadMessagesRequest.From(body, passage);

    public override JsonObject Write(ModelRequest request, string model, Dialect dialect, int tokensMaxDefault) => WriteMessagesRequest.From(request, model, tokensMaxDefault);

    public override AnswerReader Reader(Guid call) => new ReadMessagesAnswer();

    public override AnswerWriter Writer(AnswerHead head) => new WriteMessagesAnswer(head);

    private static JsonObject Body(ModelCallException failure, string? requestId)
    {
        var body = new JsonObject { ["type"] = "error", ["error"] = new JsonObject { ["type"] = Type(failure.Status), ["message"] = failure.Error.Message } };
        if (failure.Error.Code is { } code)
        {
            // Anthropic has no code; ours is kept beside it, because "which bound was it" is told by nothing else.
            body["error"]!["code"] = code;
        }
        body["request_id"] = requestId;
        return body;
    }

    private static string Type(int status) => status switch
    {
        401 => "authentication_error",
        402 => "billing_error",
        403 => "permission_error",
        404 => "not_found_error",
        413 => "request_too_large",
        429 => "rate_limit_error",
        503 or 529 => "overloaded_error",
        504 => "timeout_error",
        >= 400 and < 500 => "invalid_request_error",
        _ => "api_error",
    };
}
