using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using AgentPlatform.ToolGateway.Toolkits;
using ModelContextProtocol;

namespace AgentPlatform.ToolGateway.Mcp;

/// <summary>Turns what a server answered into what a tool answers: without our secrets, bounded, the rest in a file of the workspace.</summary>
internal static class McpResult
{
    private const int ShownMax = 8 * 1024;

    // Shorter ones would be found everywhere.
    private const int MaskedLengthMin = 6;

    // JSON in a text of JSON, which is what most servers answer.
    private const int NestedMax = 2;

    public static async Task<ToolOutput> Read(JsonObject result, ToolCall call, ToolSpec spec, IReadOnlyDictionary<string, string> secrets, McpOptions options, CancellationToken ct)
    {
        var text = Storable(Masked(result.ToJsonString(McpJsonUtilities.DefaultOptions), secrets));
        var failure = result["isError"] is JsonValue error && error.TryGetValue<bool>(out var isError) && isError ? new ToolFailure(FailureClass.Failed, Masked(Words(result), secrets), Retryable: false) : null;
        var bytes = Encoding.UTF8.GetByteCount(text);
        if (bytes <= options.ContentBytesMax)
        {
            return new ToolOutput(JsonSerializer.Deserialize<JsonElement>(text), [], failure);
        }

        if (bytes > options.ResultBytesMax)
        {
            return ToolOutput.Failed(FailureClass.TooLarge, $"{spec.FullName} answered {bytes} bytes; at most {options.ResultBytesMax} are taken. It has run; ask for a part of it");
        }

        var file = await call.Workspace.WriteAtomic($"mcp-results/{spec.Server}-{call.Invocation:N}.json", stream => stream.WriteAsync(Encoding.UTF8.GetBytes(text), ct).AsTask(), ct);
        var content = JsonSerializer.SerializeToElement(new { truncated = true, bytes, file.Path, start = Masked(Words(result), secrets) }, ToolJson.Options);
        return new ToolOutput(content, [ToolArtifact.Of(file)], failure);
    }

    /// <summary>Without the values of secrets, as they are and as JSON writes them, also JSON in JSON.</summary>
    /// <remarks>Not a boundary: a server that means to tell its secret can write it backwards.</remarks>
    public static string Masked(string text, IReadOnlyDictionary<string, string> secrets)
    {
        foreach (var (name, value) in secrets.Where(s => s.Value.Length >= MaskedLengthMin))
        {
            text = Spellings(value).Aggregate(text, (masked, spelling) => masked.Replace(spelling, $"[secret {name}]", StringComparison.Ordinal));
        }

        return text;
    }

    private static IEnumerable<string> Spellings(string value)
    {
        string[] spelled = [value];
        for (var depth = 0; depth < NestedMax; depth++)
        {
            spelled = [.. spelled.SelectMany(s => (string[])[s, JsonEncodedText.Encode(s).ToString(), JsonEncodedText.Encode(s, JavaScriptEncoder.UnsafeRelaxedJsonEscaping).ToString()]).Distinct(StringComparer.Ordinal)];
        }

        return spelled.OrderByDescending(s => s.Length);
    }

    /// <summary>JSON that PostgreSQL cannot hold.</summary>
    public static bool HoldsNul(string json) => Storable(json) != json;

    // An escaped NUL, not a backslash that is followed by such letters: escapes are read from the left, as JSON does.
    private static string Storable(string json)
    {
        const string nul = "u0000";
        if (!json.Contains(nul, StringComparison.Ordinal))
        {
            return json;
        }

        var storable = new StringBuilder(json);
        for (var at = json.IndexOf('\\', StringComparison.Ordinal); at >= 0 && at + 1 < json.Length; at = json.IndexOf('\\', at + 2))
        {
            if (json.AsSpan(at + 1).StartsWith(nul, StringComparison.Ordinal))
            {
                storable.Remove(at + 1, nul.Length).Insert(at + 1, "uFFFD");
            }
        }

        return storable.ToString();
    }

    private static string Words(JsonObject result)
    {
        var words = string.Join('\n', (result["content"] as JsonArray ?? []).Select(block => block?["text"]).OfType<JsonValue>().Select(text => text.ToString())).Replace('\0', '\uFFFD');
        return words.Length == 0 ? "The server says that it failed, and not why" : words.Length <= ShownMax ? words : $"{words[..ShownMax]}…";
    }
}
