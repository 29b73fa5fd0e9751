using System.Text.Json;

namespace AgentPlatform.ModelFabric.Wire;

/// <summary>
/// Reads along what a provider says in the caller's own format: model, finish reason, usage. It takes whole answers and stream
/// chunks alike and throws <see cref="JsonException"/> for what is no JSON object, which keeps broken chunks away from the client.
/// </summary>
public abstract class AnswerObserver(AnswerNotes notes)
{
    protected AnswerNotes Notes { get; } = notes;

    /// <summary>The provider has said that nothing follows.</summary>
    public bool Ended { get; protected set; }

    public virtual void Read(ReadOnlyMemory<byte> json)
    {
        using var document = JsonDocument.Parse(json, new JsonDocumentOptions { MaxDepth = CallRequest.DepthMax });
        var root = document.RootElement;
        if (root.ValueKind != JsonValueKind.Object)
        {
            throw new JsonException("not a JSON object");
        }
        Read(root);
    }

    /// <summary>A data line that is no JSON, as <c>[DONE]</c>; false when it means nothing here.</summary>
    public virtual bool Mark(ReadOnlySpan<byte> data) => false;

    protected abstract void Read(JsonElement root);

    protected static string? Text(JsonElement holder, ReadOnlySpan<byte> name) =>
        holder.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    protected static long? Number(JsonElement holder, ReadOnlySpan<byte> name) =>
        holder.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.Number && value.TryGetInt64(out var number) ? number : null;

    /// <summary>How many of the input's tokens came out of the provider's cache, as OpenAI's formats tell it.</summary>
    protected static long Cached(JsonElement usage, ReadOnlySpan<byte> details) => Detail(usage, details, "cached_tokens"u8);

    /// <summary>How many of the output's tokens were reasoning.</summary>
    protected static long Reasoned(JsonElement usage, ReadOnlySpan<byte> details) => Detail(usage, details, "reasoning_tokens"u8);

    private static long Detail(JsonElement usage, ReadOnlySpan<byte> details, ReadOnlySpan<byte> name) =>
        usage.TryGetProperty(details, out var told) && told.ValueKind == JsonValueKind.Object ? Number(told, name) ?? 0 : 0;
}
