using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;

namespace AgentPlatform.ToolGateway.Toolkits;

/// <summary>How arguments and results are written: snake_case, nothing unknown, nothing missing.</summary>
public static class ToolJson
{
    /// <summary>Strict in what comes in: an argument that is misspelt must not be ignored silently.</summary>
    public static JsonSerializerOptions Options { get; } = Make();

    private static JsonSerializerOptions Make()
    {
        var options = new JsonSerializerOptions
        {
            PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
            UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
            RespectNullableAnnotations = true,
            RespectRequiredConstructorParameters = true,
            DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
            Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, // Content is shown to models and people, never put into HTML as is.
            TypeInfoResolver = new DefaultJsonTypeInfoResolver(),
            MaxDepth = 32,
            Converters = { new JsonStringEnumConverter(JsonNamingPolicy.SnakeCaseLower) },
        };
        options.MakeReadOnly();
        return options;
    }
}
