using AgentPlatform.ModelFabric.Wire;
using AgentPlatform.ModelFabric.Wire.Chat;
using AgentPlatform.ModelFabric.Wire.Gemini;
using AgentPlatform.ModelFabric.Wire.Messages;

namespace AgentPlatform.ModelFabric.Providers;

/// <summary>How a provider is spoken to: its formats, where it wants its key, and how it differs from the format it says it has.</summary>
/// <param name="Name">The preset, or the kind where none was named.</param>
/// <param name="Kind">The kind of provider.</param>
/// <param name="BaseUrl">Where it usually is; null when that is the owner's own.</param>
public sealed record Dialect(string Name, string Kind, string? BaseUrl)
{
    /// <summary>The formats that pass through to it untouched.</summary>
    public required IReadOnlyList<string> Speaks { get; init; }

    /// <summary>The header with the key; null for <c>Authorization: Bearer</c>.</summary>
    public string? KeyHeader { get; init; }

    /// <summary>What it calls the bound on an answer's tokens.</summary>
    public string TokensMaxName { get; init; } = "max_tokens";

    /// <summary>Whether it bears <c>stream_options</c>; who does not, counts without being asked.</summary>
    public bool TakesStreamOptions { get; init; } = true;

    /// <summary>The property of an assistant's message in which it takes reasoning back; null when it takes none.</summary>
    public string? ReasoningField { get; init; } = "reasoning_content";

    /// <summary>The format that other formats are translated to.</summary>
    public WireFormat Format => Kind switch
    {
        ProviderKind.Anthropic => MessagesFormat.Instance,
        ProviderKind.Gemini => GeminiFormat.Instance,
        _ => ChatFormat.Instance,
    };

    /// <summary>Null when there is no such preset, or none of that kind.</summary>
    public static Dialect? Find(string? kind, string? preset) =>
        Presets.All.FirstOrDefault(dialect => dialect.Name == (preset ?? kind switch { ProviderKind.OpenAi => Presets.Compatible, _ => kind }) && (kind is null || dialect.Kind == kind));
}

/// <summary>Providers that are known by name.</summary>
public static class Presets
{
    /// <summary>Any server with OpenAI's chat completions, nothing more taken for granted.</summary>
    public const string Compatible = "openai-compatible";

    private static readonly string[] ChatOnly = ["chat", "embeddings", "transcriptions"];
    private static readonly string[] ChatAndResponses = ["chat", "embeddings", "transcriptions", "responses"];

    public static IReadOnlyList<Dialect> All { get; } =
    [
        new(Compatible, ProviderKind.OpenAi, null) { Speaks = ChatOnly },
        new("openai", ProviderKind.OpenAi, "https://api.openai.com/v1") { Speaks = ChatAndResponses, TokensMaxName = "max_completion_tokens", ReasoningField = null },
        new("azure", ProviderKind.OpenAi, null) { Speaks = ChatAndResponses, TokensMaxName = "max_completion_tokens", ReasoningField = null, KeyHeader = "api-key" },
        new("openrouter", ProviderKind.OpenAi, "https://openrouter.ai/api/v1") { Speaks = [.. ChatAndResponses, "messages"], ReasoningField = "reasoning" },
        new("groq", ProviderKind.OpenAi, "https://api.groq.com/openai/v1") { Speaks = ChatAndResponses, TokensMaxName = "max_completion_tokens", ReasoningField = "reasoning" },
        // Mistral refuses properties it does not know, and always counts in the last chunk.
        new("mistral", ProviderKind.OpenAi, "https://api.mistral.ai/v1") { Speaks = ChatOnly, TakesStreamOptions = false, ReasoningField = null },
        new("deepseek", ProviderKind.OpenAi, "https://api.deepseek.com/v1") { Speaks = ChatOnly },
        new("xai", ProviderKind.OpenAi, "https://api.x.ai/v1") { Speaks = ChatAndResponses, TokensMaxName = "max_completion_tokens" },
        new("together", ProviderKind.OpenAi, "https://api.together.xyz/v1") { Speaks = ChatOnly, ReasoningField = null },
        new("ollama", ProviderKind.OpenAi, "http://localhost:11434/v1") { Speaks = ChatOnly, ReasoningField = "reasoning" },
        new("lmstudio", ProviderKind.OpenAi, "http://localhost:1234/v1") { Speaks = ChatAndResponses },
        new("llamacpp", ProviderKind.OpenAi, "http://localhost:8080/v1") { Speaks = ChatOnly },
        new("vllm", ProviderKind.OpenAi, "http://localhost:8000/v1") { Speaks = ChatAndResponses },
        new("sglang", ProviderKind.OpenAi, "http://localhost:30000/v1") { Speaks = ChatOnly },
        new("anthropic", ProviderKind.Anthropic, "https://api.anthropic.com/v1") { Speaks = ["messages", "count_tokens"], KeyHeader = "x-api-key" },
        new("gemini", ProviderKind.Gemini, "https://generativelanguage.googleapis.com/v1beta") { Speaks = ["gemini"], KeyHeader = "x-goog-api-key" },
    ];
}
