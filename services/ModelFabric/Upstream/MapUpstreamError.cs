using System.Net;
using System.Text;
using System.Text.Json;
using AgentPlatform.ModelFabric.Wire;
using AgentPlatform.ModelFabric.Vault;

namespace AgentPlatform.ModelFabric.Upstream;

/// <summary>
/// What a provider's refusal means to our client. The client's mistakes keep their status. What concerns our account there,
/// the key above all, becomes a 502: a 401 would tell the client that its own token is wrong.
/// </summary>
public static class MapUpstreamError
{
    public static ModelCallException From(string provider, HttpStatusCode status, TimeSpan? retryAfter, ReadOnlySpan<byte> body, Secret? key, int charactersMax)
    {
        var said = Bounded(Redacted(Message(body), key), charactersMax);
        return (int)status switch
        {
            401 or 403 => ModelCallException.Upstream("provider_refused_key",
                $"Provider '{provider}' refused the request with {(int)status}. Check its key and what the account may use: PUT /admin/providers/{provider}."),
            429 => new ModelCallException(429, new CallError(Said(provider, 429, said), "rate_limit_error", null, "rate_limit_exceeded"), retryAfter),
            404 => ModelCallException.Invalid("model_not_found", Said(provider, 404, said), "model", StatusCodes.Status404NotFound),
            400 or 413 or 422 when IsOverflow(said, body) => ModelCallException.Invalid("context_length_exceeded", Said(provider, (int)status, said), "messages", (int)status),
            400 or 413 or 422 => ModelCallException.Invalid("provider_rejected_request", Said(provider, (int)status, said), status: (int)status),
            503 => new ModelCallException(503, new CallError(Said(provider, 503, said), "api_error", null, "upstream_unavailable"), retryAfter),
            _ => ModelCallException.Upstream("upstream_error", Said(provider, (int)status, said)),
        };
    }

    /// <summary>Some providers repeat the key in their messages.</summary>
    public static string Redacted(string text, Secret? key) =>
        key is { IsEmpty: false } ? text.Replace(key.Reveal(), "[key]", StringComparison.Ordinal) : text;

    /// <summary>OpenAI has a code for it; the others say it in words of their own.</summary>
    private static bool IsOverflow(string said, ReadOnlySpan<byte> body) =>
        body.IndexOf("context_length_exceeded"u8) >= 0 || Overflows.Any(words => said.Contains(words, StringComparison.OrdinalIgnoreCase));

    private static readonly string[] Overflows =
        ["maximum context length", "context window", "context length", "context size", "prompt is too long", "input token count", "too many input tokens", "input is too long"];

    private static string Said(string provider, int status, string said) => $"Provider '{provider}' answered {status}: {said}";

    private static string Message(ReadOnlySpan<byte> body)
    {
        try
        {
            var reader = new Utf8JsonReader(body);
            using var document = JsonDocument.ParseValue(ref reader);
            var root = document.RootElement;
            if (root.ValueKind == JsonValueKind.Object)
            {
                var holder = root.TryGetProperty("error", out var error) ? error : root;
                if (holder.ValueKind == JsonValueKind.String)
                {
                    return holder.GetString()!;
                }
                if (holder.ValueKind == JsonValueKind.Object && holder.TryGetProperty("message", out var message) && message.ValueKind == JsonValueKind.String)
                {
                    return message.GetString()!;
                }
            }
        }
        catch (JsonException)
        {
            // An HTML page of a proxy, or nothing at all: said as it is.
        }
        var text = Encoding.UTF8.GetString(body).Trim();
        return text.Length > 0 ? text : "(no message)";
    }

    private static string Bounded(string text, int max) => text.Length <= max ? text : text[..max] + "…";
}
