using System.Text;
using System.Text.Json;

namespace AgentPlatform.ModelFabric.Wire;

/// <summary>
/// What the gateway needs to know of a request; everything else stays the bytes that came in, so a property this version
/// has never heard of reaches the provider unchanged.
/// </summary>
/// <param name="Format">The wire format of the caller.</param>
/// <param name="Body">The request as it arrived.</param>
/// <param name="Model">The model id, <c>provider/model</c>.</param>
/// <param name="ModelToken">Where the model's JSON string, quotes included, stands in the body.</param>
/// <param name="Stream">Whether the client wants server-sent events.</param>
/// <param name="IncludeUsage">Whether a streaming client wants a last chunk with the usage.</param>
public sealed record CallRequest(WireFormat Format, ReadOnlyMemory<byte> Body, string Model, Range ModelToken, bool Stream, bool IncludeUsage)
{
    public const int DepthMax = 128;

    public string ContentType { get; init; } = "application/json";

    /// <summary>Another model's name as it stands in this body.</summary>
    public byte[] Token(string model) => Format.AnswersJson ? JsonSerializer.SerializeToUtf8Bytes(model) : Encoding.UTF8.GetBytes(model);

    /// <summary>Headers that mean something to a provider of the same format.</summary>
    public IReadOnlyList<KeyValuePair<string, string>> Headers { get; init; } = [];

    public static CallRequest Parse(WireFormat format, ReadOnlyMemory<byte> body)
    {
        try
        {
            return Scan(format, body);
        }
        catch (JsonException malformed)
        {
            throw ModelCallException.Invalid("invalid_json", $"The request body is not valid JSON: {malformed.Message}");
        }
    }

    private static CallRequest Scan(WireFormat format, ReadOnlyMemory<byte> body)
    {
        var reader = new Utf8JsonReader(body.Span, new JsonReaderOptions { MaxDepth = DepthMax });
        if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject)
        {
            throw ModelCallException.Invalid("invalid_json", "The request body must be a JSON object.");
        }
        string? model = null;
        Range token = default;
        bool? stream = null;
        var usage = false;
        var (asked, required) = (false, format.Required);
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            if (reader.ValueTextEquals("model"u8))
            {
                reader.Read();
                // Two readers may disagree on which of two equal names counts: the gateway would route by one and the provider bill the other.
                Once(model is null, "model");
                model = reader.TokenType == JsonTokenType.String ? reader.GetString() : throw Wrong("model", "a string");
                token = new Range((int)reader.TokenStartIndex, (int)reader.BytesConsumed);
            }
            else if (reader.ValueTextEquals("stream"u8))
            {
                reader.Read();
                Once(stream is null, "stream");
                stream = reader.TokenType switch
                {
                    JsonTokenType.True => true,
                    JsonTokenType.False or JsonTokenType.Null => false,
                    _ => throw Wrong("stream", "true or false"),
                };
            }
            else if (reader.ValueTextEquals("stream_options"u8))
            {
                reader.Read();
                using var options = JsonDocument.ParseValue(ref reader);
                usage = options.RootElement.ValueKind == JsonValueKind.Object
                    && options.RootElement.TryGetProperty("include_usage", out var included) && included.ValueKind == JsonValueKind.True;
            }
            else if (required is { } wanted && reader.ValueTextEquals(wanted.Name))
            {
                reader.Read();
                asked = !wanted.IsList || reader.TokenType == JsonTokenType.StartArray ? true : throw Wrong(wanted.Name, "an array");
                reader.Skip();
            }
            else
            {
                reader.Read();
                reader.Skip();
            }
        }
        // The reader itself refuses anything after the closing brace.
        reader.Read();
        if (required is { } missing && !asked)
        {
            throw ModelCallException.Invalid($"missing_{missing.Name}", $"The request has no '{missing.Name}'.", missing.Name);
        }
        return string.IsNullOrWhiteSpace(model)
            ? throw ModelCallException.Invalid("missing_model", "The request names no 'model'. Use provider/model; GET /v1/models lists them.", "model")
            : new CallRequest(format, body, model, token, stream ?? false, usage);
    }

    private static void Once(bool first, string name)
    {
        if (!first)
        {
            throw ModelCallException.Invalid("duplicate_property", $"The request names '{name}' twice.", name);
        }
    }

    private static ModelCallException Wrong(string name, string wanted) => ModelCallException.Invalid("invalid_type", $"'{name}' must be {wanted}.", name);
}
