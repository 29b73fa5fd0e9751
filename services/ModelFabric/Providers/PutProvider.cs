using AgentPlatform.ModelFabric.Vault;
using AgentPlatform.ServiceDefaults.Vault;
using AgentPlatform.ServiceDefaults;
using Microsoft.Extensions.Options;

namespace AgentPlatform.ModelFabric.Providers;

/// <summary>The body of <c>PUT /admin/providers/{name}</c>.</summary>
/// <param name="Kind">The wire format: <c>openai</c>, <c>anthropic</c> or <c>gemini</c>; a preset says it too.</param>
/// <param name="BaseUrl">Up to, not including, <c>/chat/completions</c>, <c>/messages</c> or <c>/models</c>; a preset may know it.</param>
/// <param name="Models">The models to offer; none lets the provider decide.</param>
/// <param name="Key">Absent keeps the stored key, an empty string removes it. It is never shown again.</param>
/// <param name="AllowRemote">Agrees that requests leave this machine.</param>
/// <param name="Preset">A provider known by name, such as <c>ollama</c> or <c>groq</c>.</param>
/// <param name="Cards">What the models can do, hold and cost.</param>
/// <param name="ConcurrentCallsMax">How many calls it bears at the same time.</param>
/// <param name="CallsPerMinuteMax">How many may begin within any minute.</param>
public sealed record PutProvider(string? Kind = null, string? BaseUrl = null, string[]? Models = null, Secret? Key = null, bool AllowRemote = false, string? Preset = null,
    ModelCard[]? Cards = null, int? ConcurrentCallsMax = null, int? CallsPerMinuteMax = null)
{
    private const int ModelLengthMax = 200;

    public static async Task<IResult> Handle(
        string name, PutProvider body, HttpContext http, ProviderCatalog catalog, IProviderStore store, ProviderKeys keys, IOptions<ModelFabricOptions> options, CancellationToken ct)
    {
        if (!ProviderEntry.NamePattern().IsMatch(name) || ProviderKind.IsBuiltIn(name))
        {
            throw Refuse($"A provider's name is up to 40 lower-case letters, digits and dashes, and not '{ProviderKind.Scripted}' or '{ProviderKind.Replay}', which are built in.");
        }
        if (catalog.IsConfigured(name))
        {
            throw Refuse($"Provider '{name}' is fixed by the configuration ({ModelFabricOptions.Section}:Providers:{name}). Change it there.", StatusCodes.Status409Conflict);
        }
        var dialect = body.Kind is null && body.Preset is null ? null : Dialect.Find(body.Kind, body.Preset);
        if (dialect is null)
        {
            throw Refuse($"kind must be '{ProviderKind.OpenAi}', '{ProviderKind.Anthropic}' or '{ProviderKind.Gemini}', or preset one of: {string.Join(", ", Presets.All.Select(known => known.Name))}.");
        }
        var models = body.Models ?? [];
        if (models.Length > options.Value.ModelsPerProviderMax || models.Any(model => string.IsNullOrWhiteSpace(model) || model.Length > ModelLengthMax))
        {
            throw Refuse($"models holds at most {options.Value.ModelsPerProviderMax} names of 1 to {ModelLengthMax} characters.");
        }
        if (ModelCard.Flaw(body.Cards ?? [], options.Value.ModelsPerProviderMax) is { } flaw)
        {
            throw Refuse(flaw);
        }
        if (body.ConcurrentCallsMax is <= 0 || body.CallsPerMinuteMax is <= 0 or > ProviderEntry.CallsPerMinuteLimit)
        {
            throw Refuse($"concurrentCallsMax must be positive, callsPerMinuteMax lie between 1 and {ProviderEntry.CallsPerMinuteLimit}.");
        }
        if (body.Key is { IsEmpty: false } given && !ProviderEntry.KeyPattern().IsMatch(given.Reveal()))
        {
            throw Refuse("key must be visible ASCII characters without blanks; a copied line break is the usual cause.");
        }

        var before = await catalog.Find(name, ct);
        if (before is null && (await catalog.All(ct)).Count >= options.Value.ProvidersMax)
        {
            throw Refuse($"There are {options.Value.ProvidersMax} providers already (ModelFabric:ProvidersMax). Remove one.", StatusCodes.Status409Conflict);
        }
        var keepsKey = body.Key is null && before?.SealedKey is not null;
        var (url, refusal) = BaseUrlRule.Check(body.BaseUrl ?? (body.Preset is null ? null : dialect.BaseUrl), body.AllowRemote, keepsKey || body.Key is { IsEmpty: false });
        if (url is null)
        {
            throw Refuse(refusal!);
        }
        var entry = new ProviderEntry(name, dialect.Kind, url, models, body.AllowRemote, SealedKey: null, KeyFingerprint: null, Preset: body.Preset)
        {
            Cards = body.Cards ?? [],
            ConcurrentCallsMax = body.ConcurrentCallsMax,
            CallsPerMinuteMax = body.CallsPerMinuteMax,
        };
        if (before is { PrincipalKeys.Count: > 0 } && before.KeyContext != entry.KeyContext)
        {
            throw Refuse($"The base URL moves to another origin, for which the keys of {string.Join(", ", before.PrincipalKeys.Keys.Order(StringComparer.Ordinal))} were not given. Remove them first: DELETE /admin/providers/{name}/keys/PRINCIPAL.");
        }
        if (keepsKey)
        {
            // Whoever may change the URL could otherwise have the stored key sent to a server of their own.
            if (before!.KeyContext != entry.KeyContext)
            {
                throw Refuse("The base URL moves to another origin; give the key again, or an empty one to remove it.");
            }
            entry = entry with { SealedKey = before.SealedKey, KeyFingerprint = before.KeyFingerprint };
        }
        else if (body.Key is { IsEmpty: false } key)
        {
            if (keys.IsLocked)
            {
                throw Refuse(new VaultLockedException().Message, StatusCodes.Status503ServiceUnavailable);
            }
            entry = entry with { SealedKey = keys.Seal(key, entry.KeyContext), KeyFingerprint = key.Fingerprint };
        }
        await store.Set(entry, http.User.Identity!.Name!, ct);
        return before is null ? Results.Created($"/admin/providers/{name}", ProviderView.Of(entry)) : Results.Ok(ProviderView.Of(entry));
    }

    private static ProblemException Refuse(string why, int status = StatusCodes.Status400BadRequest) => new(status, "provider-refused", why);
}
