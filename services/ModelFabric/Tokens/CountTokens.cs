using System.Text.Json;
using AgentPlatform.ModelFabric.Wire;
using Microsoft.Extensions.Options;

namespace AgentPlatform.ModelFabric.Tokens;

/// <summary>
/// <c>POST /v1/tokens/count</c>: <c>{"model" or "encoding", "input": text or [texts]}</c>. The count is of the texts alone; what a
/// provider adds around messages is its own affair.
/// </summary>
public static class CountTokens
{
    private const int TextsMax = 10_000;

    /// <summary>OpenAI's models of before the newer encoding.</summary>
    private static readonly string[] Older = ["gpt-4-", "gpt-3.5", "text-embedding-", "gpt-35"];

    private static readonly string[] Newer = ["gpt-4o", "gpt-4.1", "gpt-4.5", "gpt-5", "chatgpt-4o", "gpt-oss", "o1", "o3", "o4"];

    public static async Task<IResult> Handle(HttpContext http, IOptions<ModelFabricOptions> options, CancellationToken ct)
    {
        var body = await ReadBody.From(http, options.Value.RequestBytesMax, ct);
        try
        {
            using var document = JsonDocument.Parse(body);
            var root = document.RootElement;
            if (root.ValueKind != JsonValueKind.Object)
            {
                throw ModelCallException.Invalid("invalid_json", "The request body must be a JSON object.");
            }
            var (encoding, exact) = Encoding(Text(root, "encoding"), Text(root, "model"));
            var counts = Texts(root).Select(text => encoding.Count(System.Text.Encoding.UTF8.GetBytes(text))).ToArray();
            return Results.Json(new { @object = "token_count", encoding = encoding.Name, exact, tokens = counts.Sum(count => (long)count), counts });
        }
        catch (JsonException malformed)
        {
            throw ModelCallException.Invalid("invalid_json", $"The request body is not valid JSON: {malformed.Message}");
        }
    }

    /// <summary>The encoding of a model, and whether the model is known to use it or only taken to be near it.</summary>
    public static (TokenEncoding Encoding, bool Exact) Encoding(string? encoding, string? model)
    {
        if (encoding is not null)
        {
            return (TokenEncoding.All.FirstOrDefault(one => one.Name == encoding) ?? throw ModelCallException.Invalid("unknown_encoding",
                $"There is no encoding '{encoding}'; there are {string.Join(", ", TokenEncoding.All.Select(one => one.Name))}.", "encoding"), true);
        }
        var name = model?[(model.LastIndexOf('/') + 1)..] ?? "";
        if (Newer.Any(known => name.StartsWith(known, StringComparison.Ordinal)))
        {
            return (TokenEncoding.O200kBase, true);
        }
        return name == "gpt-4" || Older.Any(known => name.StartsWith(known, StringComparison.Ordinal)) ? (TokenEncoding.Cl100kBase, true) : (TokenEncoding.O200kBase, false);
    }

    private static string? Text(JsonElement root, string name) => !root.TryGetProperty(name, out var value) || value.ValueKind == JsonValueKind.Null
        ? null
        : value.ValueKind == JsonValueKind.String ? value.GetString() : throw ModelCallException.Invalid("invalid_type", $"'{name}' must be a string.", name);

    private static string[] Texts(JsonElement root)
    {
        if (!root.TryGetProperty("input", out var input))
        {
            throw ModelCallException.Invalid("missing_input", "The request has no 'input'.", "input");
        }
        if (input.ValueKind == JsonValueKind.String)
        {
            return [input.GetString()!];
        }
        return input.ValueKind == JsonValueKind.Array && input.GetArrayLength() <= TextsMax && input.EnumerateArray().All(text => text.ValueKind == JsonValueKind.String)
            ? [.. input.EnumerateArray().Select(text => text.GetString()!)]
            : throw ModelCallException.Invalid("invalid_type", $"'input' must be a string or at most {TextsMax} strings.", "input");
    }
}
