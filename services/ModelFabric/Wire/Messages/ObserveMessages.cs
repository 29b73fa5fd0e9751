using System.Text.Json;
using AgentPlatform.ModelFabric.Exchange;

namespace AgentPlatform.ModelFabric.Wire.Messages;

/// <summary>Reads along with messages and the events of their streams.</summary>
public sealed class ObserveMessages(AnswerNotes notes) : AnswerObserver(notes)
{
    private MessagesUsage _usage = new();
    private bool _counted;

    protected override void Read(JsonElement root)
    {
        switch (Text(root, "type"u8))
        {
            case "message":
                Message(root);
                Finished(root);
                foreach (var block in root.TryGetProperty("content"u8, out var content) && content.ValueKind == JsonValueKind.Array ? content.EnumerateArray() : default)
                {
                    Notes.Characters += block.GetRawText().Length;
                }
                break;
            case "message_start" when root.TryGetProperty("message"u8, out var message) && message.ValueKind == JsonValueKind.Object:
                Message(message);
                break;
            case "content_block_delta" when root.TryGetProperty("delta"u8, out var delta):
                Notes.Characters += delta.GetRawText().Length;
                break;
            case "message_delta":
                Count(root);
                if (root.TryGetProperty("delta"u8, out var end) && end.ValueKind == JsonValueKind.Object)
                {
                    Finished(end);
                }
                break;
            case "message_stop":
                Ended = true;
                break;
            case "error":
                (Ended, Notes.ErrorInAnswer) = (true, "error_in_stream");
                break;
        }
    }

    private void Message(JsonElement message)
    {
        Notes.Named(Text(message, "model"u8));
        Count(message);
    }

    private void Finished(JsonElement holder) => Notes.FinishReason = Text(holder, "stop_reason"u8) ?? Notes.FinishReason;

    private void Count(JsonElement holder)
    {
        if (holder.TryGetProperty("usage"u8, out var usage) && usage.ValueKind == JsonValueKind.Object)
        {
            _usage = _usage.With(Number(usage, "input_tokens"u8), Number(usage, "cache_read_input_tokens"u8), Number(usage, "cache_creation_input_tokens"u8), Number(usage, "output_tokens"u8));
            _counted |= Number(usage, "input_tokens"u8) is not null;
            if (_counted)
            {
                Notes.Counted(_usage.Total);
            }
        }
    }
}

/// <summary>Anthropic counts in instalments, each of them the total so far, and does not count what came from a cache as input.</summary>
internal sealed record MessagesUsage(long Input = 0, long CacheRead = 0, long CacheWrite = 0, long Output = 0)
{
    public AnswerUsage Total => new(Input + CacheRead + CacheWrite, Output, CacheRead, CacheWrite);

    public MessagesUsage With(long? input, long? cacheRead, long? cacheWrite, long? output) =>
        new(input ?? Input, cacheRead ?? CacheRead, cacheWrite ?? CacheWrite, output ?? Output);
}
