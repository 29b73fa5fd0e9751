using System.Text.Json;
using AgentPlatform.ModelFabric.Wire;

namespace AgentPlatform.ModelFabric.Tokens;

/// <summary>How many tokens a call will take at most, as near as it can be told before it is made.</summary>
/// <param name="Input">Of the question: its texts by the vocabulary, media at a flat rate. Rather too many than too few.</param>
/// <param name="Output">The bound the caller set on the answer; null when it set none.</param>
public sealed record RequestEstimate(long Input, long? Output);

/// <summary>Counts a request without taking it apart: every name and text in its JSON, whatever the format.</summary>
public static class EstimateRequest
{
    /// <summary>From here on a text in ASCII without blanks and escapes is data, not language.</summary>
    private const int MediaLengthMin = 2048;

    public static RequestEstimate Of(CallRequest request, string model, int mediaTokens)
    {
        if (!request.Format.AnswersJson)
        {
            return new RequestEstimate(mediaTokens, null);
        }
        var encoding = CountTokens.Encoding(encoding: null, model).Encoding;
        var reader = new Utf8JsonReader(request.Body.Span, new JsonReaderOptions { MaxDepth = CallRequest.DepthMax });
        long input = 0;
        long? output = null;
        while (reader.Read())
        {
            if (reader.TokenType == JsonTokenType.PropertyName)
            {
                var bound = reader.CurrentDepth == 1 && (reader.ValueTextEquals("max_tokens"u8) || reader.ValueTextEquals("max_completion_tokens"u8) || reader.ValueTextEquals("max_output_tokens"u8));
                input += encoding.Count(reader.ValueSpan);
                if (bound && reader.Read() && reader.TokenType == JsonTokenType.Number && reader.TryGetInt64(out var tokens) && tokens >= 0)
                {
                    output = Math.Max(output ?? 0, tokens);
                }
            }
            else if (reader.TokenType == JsonTokenType.String)
            {
                // Escapes are counted as they stand: a few tokens too many cost nothing but room.
                input += IsMedia(reader.ValueSpan) ? mediaTokens : encoding.Count(reader.ValueSpan);
            }
            else if (reader.TokenType is JsonTokenType.StartObject or JsonTokenType.Number)
            {
                input++;
            }
        }
        return new RequestEstimate(input, output);
    }

    private static bool IsMedia(ReadOnlySpan<byte> text) => text.Length > MediaLengthMin && text.IndexOfAny((byte)' ', (byte)'\\') < 0 && System.Text.Ascii.IsValid(text);
}
