using System.Text.Json;
using AgentPlatform.ModelFabric.Wire;

namespace AgentPlatform.ModelFabric.Policies;

/// <summary>Looks in a request for what is no text: nothing can be taken out of it, only all of it kept back.</summary>
public static class FindMedia
{
    /// <summary>What the formats call such parts; none of these means anything else in another.</summary>
    private static readonly HashSet<string> Types = new(StringComparer.Ordinal)
    {
        "image_url", "input_image", "image", "file", "input_file", "document", "container_upload", "input_audio", "audio", "video_url", "input_video", "video", "computer_screenshot",
    };

    /// <summary>The first such part in words; null when everything is text.</summary>
    public static string? In(CallRequest request)
    {
        if (!request.Format.AnswersJson)
        {
            return "sound";
        }
        var reader = new Utf8JsonReader(request.Body.Span, new JsonReaderOptions { MaxDepth = CallRequest.DepthMax });
        while (reader.Read())
        {
            if (reader.TokenType == JsonTokenType.PropertyName && reader.ValueTextEquals("type"u8))
            {
                if (reader.Read() && reader.TokenType == JsonTokenType.String && reader.GetString() is { } type && Types.Contains(type))
                {
                    return $"a part of type '{type}'";
                }
            }
            else if (reader.TokenType == JsonTokenType.String && reader.ValueSpan.StartsWith("data:"u8) && reader.ValueSpan[..Math.Min(reader.ValueSpan.Length, 200)].IndexOf(";base64,"u8) > 0)
            {
                return "a data URL";
            }
        }
        return null;
    }
}
