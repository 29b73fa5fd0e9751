using System.Text.Json;
using AgentPlatform.ModelFabric.Exchange;

namespace AgentPlatform.ModelFabric.Wire.Chat;

/// <summary>Reads along with chat completions and their chunks.</summary>
public sealed class ObserveChat(AnswerNotes notes) : AnswerObserver(notes)
{
    public override bool Mark(ReadOnlySpan<byte> data) => Ended |= data.SequenceEqual("[DONE]"u8);

    protected override void Read(JsonElement root)
    {
        foreach (var property in root.EnumerateObject())
        {
            if (property.NameEquals("model"u8) && property.Value.ValueKind == JsonValueKind.String)
            {
                Notes.Named(property.Value.GetString());
            }
            else if (property.NameEquals("choices"u8) && property.Value.ValueKind == JsonValueKind.Array)
            {
                foreach (var choice in property.Value.EnumerateArray())
                {
                    ReadChoice(choice);
                }
            }
            else if (property.NameEquals("usage"u8) && property.Value.ValueKind == JsonValueKind.Object)
            {
                ReadUsage(property.Value);
            }
            else if (property.NameEquals("error"u8) && property.Value.ValueKind == JsonValueKind.Object)
            {
                Notes.ErrorInAnswer = "error_in_stream";
            }
        }
    }

    private void ReadUsage(JsonElement usage)
    {
        if (Number(usage, "prompt_tokens"u8) is { } input && Number(usage, "completion_tokens"u8) is { } output)
        {
            Notes.Counted(new AnswerUsage(input, output, CacheRead: Cached(usage, "prompt_tokens_details"u8), Reasoning: Reasoned(usage, "completion_tokens_details"u8)));
            Notes.UsageIsEstimate = usage.TryGetProperty("estimated"u8, out var estimated) && estimated.ValueKind == JsonValueKind.True;
        }
    }

    private void ReadChoice(JsonElement choice)
    {
        if (choice.ValueKind != JsonValueKind.Object)
        {
            return;
        }
        Notes.FinishReason = Text(choice, "finish_reason"u8) ?? Notes.FinishReason;
        if ((choice.TryGetProperty("delta"u8, out var said) || choice.TryGetProperty("message"u8, out said)) && said.ValueKind == JsonValueKind.Object)
        {
            foreach (var part in said.EnumerateObject())
            {
                // Text, refusals, reasoning and tool calls all cost tokens; their raw length is the estimate when no usage is reported.
                Notes.Characters += part.NameEquals("role"u8) ? 0 : part.Value.ValueKind is JsonValueKind.String or JsonValueKind.Array ? part.Value.GetRawText().Length : 0;
            }
        }
    }
}
