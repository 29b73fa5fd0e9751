using System.Text.RegularExpressions;

namespace AgentPlatform.ModelFabric.Providers;

public static class ProviderKind
{
    /// <summary>Any server with the OpenAI wire format.</summary>
    public const string OpenAi = "openai";

    public const string Anthropic = "anthropic";
    public const string Gemini = "gemini";

    /// <summary>Answers from a file; built in, not a provider that can be added.</summary>
    public const string Scripted = "scripted";

    /// <summary>Answers from what was recorded; built in too.</summary>
    public const string Replay = "replay";

    public static bool IsBuiltIn(string name) => name is Scripted or Replay;
}

/// <summary>A provider that calls can go to.</summary>
/// <param name="Models">The models it is asked for; empty lets it decide itself.</param>
/// <param name="AllowRemote">The owner agreed that requests leave this machine.</param>
/// <param name="SealedKey">The key as the vault sealed it, bound to name and origin.</param>
/// <param name="KeyFile">A configured provider's key instead: a file read at the last hop.</param>
/// <param name="Preset">The name under which the provider is known; null for one of its kind and no more.</param>
public sealed partial record ProviderEntry(
    string Name, string Kind, Uri BaseUrl, IReadOnlyList<string> Models, bool AllowRemote, string? SealedKey, string? KeyFingerprint, string? KeyFile = null, string? Preset = null)
{
    /// <summary>Each of them is remembered for a minute.</summary>
    public const int CallsPerMinuteLimit = 100_000;

    public bool IsConfigured { get; init; }

    /// <summary>What is known of its models.</summary>
    public IReadOnlyList<ModelCard> Cards { get; init; } = [];

    /// <summary>How many calls it bears at the same time; null for the platform's own bound.</summary>
    public int? ConcurrentCallsMax { get; init; }

    /// <summary>How many calls to it may begin within any minute; null for no bound.</summary>
    public int? CallsPerMinuteMax { get; init; }

    /// <summary>Keys of principals who do not use the provider's own.</summary>
    public IReadOnlyDictionary<string, PrincipalKey> PrincipalKeys { get; init; } = new Dictionary<string, PrincipalKey>();

    /// <summary>Requests to it cannot leave this machine.</summary>
    public bool IsLocal => BaseUrlRule.IsLoopback(BaseUrl);

    public ModelCard? Card(string model) => Cards.FirstOrDefault(card => card.Model == model);

    public Dialect Dialect { get; } = Dialect.Find(Kind, Preset)
        ?? throw new InvalidOperationException($"Provider '{Name}' has the kind '{Kind}' and the preset '{Preset}', which this version does not know.");

    /// <summary>What a sealed key is bound to: move it to another name, host or port and it does not open.</summary>
    public string KeyContext => $"{Name} {BaseUrl.GetLeftPart(UriPartial.Authority)}";

    /// <summary>A principal's key opens for that principal only.</summary>
    public string PrincipalKeyContext(string principal) => $"{KeyContext} {principal}";

    [GeneratedRegex("^[a-z0-9][a-z0-9-]{0,39}$", RegexOptions.None, matchTimeoutMilliseconds: 1000)]
    public static partial Regex NamePattern();

    /// <summary>Visible ASCII up to 4096 characters: what can stand in an Authorization header.</summary>
    [GeneratedRegex("^[!-~]{1,4096}$", RegexOptions.None, matchTimeoutMilliseconds: 1000)]
    public static partial Regex KeyPattern();
}

/// <summary>A provider as the admin routes show it: everything but the key.</summary>
public sealed record ProviderView(string Name, string Kind, string BaseUrl, IReadOnlyList<string> Models, bool AllowRemote, string? KeyFingerprint, string Source, string? Preset = null,
    IReadOnlyList<ModelCard>? Cards = null, int? ConcurrentCallsMax = null, IReadOnlyDictionary<string, string>? PrincipalKeys = null, int? CallsPerMinuteMax = null)
{
    public static ProviderView Of(ProviderEntry entry) => new(
        entry.Name, entry.Kind, entry.BaseUrl.ToString(), entry.Models, entry.AllowRemote, entry.KeyFingerprint, entry.IsConfigured ? "configuration" : "admin", entry.Preset,
        entry.Cards.Count > 0 ? entry.Cards : null, entry.ConcurrentCallsMax,
        entry.PrincipalKeys.Count > 0 ? entry.PrincipalKeys.ToDictionary(key => key.Key, key => key.Value.Fingerprint) : null, entry.CallsPerMinuteMax);
}
