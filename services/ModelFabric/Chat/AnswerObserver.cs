using System.Text.Json;
using AgentPlatform.ModelFabric.Calls;

namespace AgentPlatform.ModelFabric.Chat;

/// <summary>
/// Reads along what a provider says: model, finish reason, usage. It takes whole answers and stream chunks alike and
/// throws <see cref="JsonException"/> for what is no JSON object, which keeps broken chunks away from the client.
/// </summary>
public sealed class AnswerObserver
{
    private const int BytesPerToken = 4;
    private long _contentCharacters;
    private long? _input;
    private long? _output;

    public string? Model { get; private set; }
    public string? FinishReason { get; private set; }

    /// <summary>The provider reported an error inside an answer that began well.</summary>
    public string? ErrorInAnswer { get; private set; }

    public TokenUsage Usage(int requestBytes) => _input is { } input && _output is { } output
        ? new TokenUsage(input, output, Estimated: _reportedAsEstimate)
        : new TokenUsage(Estimate(requestBytes), Estimate(_contentCharacters), Estimated: true);

    private bool _reportedAsEstimate;

    public static long Estimate(long bytes) => (bytes + BytesPerToken - 1) / BytesPerToken;

    public void Read(ReadOnlyMemory<byte> json)
    {
        using var document = JsonDocument.Parse(json);
        var root = document.RootElement;
        if (root.ValueKind != JsonValueKind.Object)
        {
            throw new JsonException("not a JSON object");
        }
        foreach (var property in root.EnumerateObject())
        {
            if (property.NameEquals("model"u8) && property.Value.ValueKind == JsonValueKind.String)
            {
                Model ??= property.Value.GetString();
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
                _input = Number(property.Value, "prompt_tokens"u8) ?? _input;
                _output = Number(property.Value, "completion_tokens"u8) ?? _output;
                _reportedAsEstimate = property.Value.TryGetProperty("estimated"u8, out var estimated) && estimated.ValueKind == JsonValueKind.True;
            }
            else if (property.NameEquals("error"u8) && property.Value.ValueKind == JsonValueKind.Object)
            {
                ErrorInAnswer = "error_in_stream";
            }
        }
    }

    private void ReadChoice(JsonElement choice)
    {
        if (choice.ValueKind != JsonValueKind.Object)
        {
            return;
        }
        if (choice.TryGetProperty("finish_reason"u8, out var reason) && reason.ValueKind == JsonValueKind.String)
        {
            FinishReason = reason.GetString();
        }
        if ((choice.TryGetProperty("delta"u8, out var said) || choice.TryGetProperty("message"u8, out said)) && said.ValueKind == JsonValueKind.Object)
        {
            foreach (var part in said.EnumerateObject())
            {
                // Text, refusals, reasoning and tool calls all cost tokens; their raw length is the estimate when no usage is reported.
                _contentCharacters += part.NameEquals("role"u8) ? 0 : part.Value.ValueKind is JsonValueKind.String or JsonValueKind.Array ? part.Value.GetRawText().Length : 0;
            }
        }
    }

    private static long? Number(JsonElement usage, ReadOnlySpan<byte> name) =>
        usage.TryGetProperty(name, out var value) && value.TryGetInt64(out var number) ? number : null;
}
