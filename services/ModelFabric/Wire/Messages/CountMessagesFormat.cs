using System.Text.Json;
using AgentPlatform.ModelFabric.Exchange;

namespace AgentPlatform.ModelFabric.Wire.Messages;

/// <summary>
/// Anthropic's <c>messages/count_tokens</c>. Who has it counts exactly; for all others the question is counted here, by the nearest
/// vocabulary and rather too high than too low, and nothing leaves.
/// </summary>
public sealed class CountMessagesFormat : WireFormat
{
    public static readonly CountMessagesFormat Instance = new();

    private CountMessagesFormat()
    {
    }

    public override string Name => "count_tokens";
    public override string Operation => "count_tokens";
    public override (string Name, bool IsList)? Required => ("messages", true);
    public override IReadOnlyList<string> HeadersPassed => MessagesFormat.Instance.HeadersPassed;
    public override string RequestIdHeader => MessagesFormat.Instance.RequestIdHeader;

    public override string Path(string model, bool stream) => "messages/count_tokens";

    public override AnswerObserver Observe(AnswerNotes notes) => new ObserveCount(notes);

    public override byte[] Error(ModelCallException failure, string? requestId) => MessagesFormat.Instance.Error(failure, requestId);

    public override byte[] StreamError(ModelCallException failure) => MessagesFormat.Instance.StreamError(failure);

    public static byte[] Answer(long tokens) => JsonSerializer.SerializeToUtf8Bytes(new { input_tokens = tokens });

    private sealed class ObserveCount(AnswerNotes notes) : AnswerObserver(notes)
    {
        // Counting uses no tokens.
        protected override void Read(JsonElement root) => Notes.Counted(new AnswerUsage(0, 0));
    }
}
