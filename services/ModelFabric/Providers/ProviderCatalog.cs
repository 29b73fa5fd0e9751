using Microsoft.Extensions.Options;

namespace AgentPlatform.ModelFabric.Providers;

/// <summary>All providers: those the configuration fixes, then those added over HTTP.</summary>
public sealed class ProviderCatalog
{
    private readonly IProviderStore _store;
    private readonly SortedDictionary<string, ProviderEntry> _configured = new(StringComparer.Ordinal);

    public ProviderCatalog(IProviderStore store, IOptions<ModelFabricOptions> options)
    {
        _store = store;
        foreach (var (name, settings) in options.Value.Providers)
        {
            _configured[name] = Configured(name, settings);
        }
    }

    public bool IsConfigured(string name) => _configured.ContainsKey(name);

    public async Task<ProviderEntry?> Find(string name, CancellationToken ct) =>
        _configured.TryGetValue(name, out var fixedEntry) ? fixedEntry : (await _store.All(ct)).FirstOrDefault(entry => entry.Name == name);

    public async Task<IReadOnlyList<ProviderEntry>> All(CancellationToken ct) =>
        [.. _configured.Values, .. (await _store.All(ct)).Where(entry => !_configured.ContainsKey(entry.Name))];

    /// <summary>A wrong provider in the configuration is found at start, not at the first call.</summary>
    private static ProviderEntry Configured(string name, ModelFabricOptions.ConfiguredProvider settings)
    {
        InvalidOperationException Wrong(string why) => new($"{ModelFabricOptions.Section}:Providers:{name}: {why}");
        if (!ProviderEntry.NamePattern().IsMatch(name) || ProviderKind.IsBuiltIn(name))
        {
            throw Wrong($"a provider's name is lower-case letters, digits and dashes, and not '{ProviderKind.Scripted}' or '{ProviderKind.Replay}'.");
        }
        var preset = settings.Preset is { Length: > 0 } known ? known : null;
        var dialect = Dialect.Find(settings.Kind is { Length: > 0 } kind ? kind : preset is null ? ProviderKind.OpenAi : null, preset)
            ?? throw Wrong($"Kind must be '{ProviderKind.OpenAi}', '{ProviderKind.Anthropic}' or '{ProviderKind.Gemini}', it is '{settings.Kind}'; a Preset is one of {string.Join(", ", Presets.All.Select(one => one.Name))}, it is '{settings.Preset}'.");
        var (url, refusal) = BaseUrlRule.Check(settings.BaseUrl.Length == 0 && preset is not null ? dialect.BaseUrl : settings.BaseUrl, settings.AllowRemote, settings.KeyFile is not null);
        if (url is null)
        {
            throw Wrong(refusal!);
        }
        if (ModelCard.Flaw(settings.Cards, int.MaxValue) is { } flaw)
        {
            throw Wrong(flaw);
        }
        if (settings.ConcurrentCallsMax is <= 0 || settings.CallsPerMinuteMax is <= 0 or > ProviderEntry.CallsPerMinuteLimit)
        {
            throw Wrong($"ConcurrentCallsMax must be positive, CallsPerMinuteMax lie between 1 and {ProviderEntry.CallsPerMinuteLimit}.");
        }
        if (settings.KeyFile is { } file && !File.Exists(file))
        {
            throw Wrong($"KeyFile {file} does not exist.");
        }
        return new ProviderEntry(name, dialect.Kind, url, settings.Models, settings.AllowRemote, SealedKey: null,
            settings.KeyFile is { } path ? ProviderKeys.ReadFile(name, path).Fingerprint : null, settings.KeyFile, preset)
        {
            IsConfigured = true,
            Cards = settings.Cards,
            ConcurrentCallsMax = settings.ConcurrentCallsMax,
            CallsPerMinuteMax = settings.CallsPerMinuteMax,
        };
    }
}
