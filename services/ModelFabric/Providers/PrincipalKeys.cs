using AgentPlatform.ModelFabric.Vault;
using AgentPlatform.ServiceDefaults;
using AgentPlatform.ServiceDefaults.Vault;

namespace AgentPlatform.ModelFabric.Providers;

/// <summary>A principal's own key at a provider, sealed.</summary>
public sealed record PrincipalKey(string Sealed, string Fingerprint);

/// <summary>The body of <c>PUT /admin/providers/{name}/keys/{principal}</c>: calls of that principal go out under its own key.</summary>
public sealed record PutPrincipalKey(Secret Key)
{
    private const int PrincipalLengthMax = 255;

    public static async Task<IResult> Handle(string name, string principal, PutPrincipalKey body, HttpContext http, ProviderCatalog catalog, IProviderStore store, ProviderKeys keys, CancellationToken ct)
    {
        if (principal.Length > PrincipalLengthMax || principal.Any(char.IsControl))
        {
            throw Refuse($"A principal's name has at most {PrincipalLengthMax} printable characters.");
        }
        var provider = await Changeable(name, catalog, ct);
        if (!ProviderEntry.KeyPattern().IsMatch(body.Key.Reveal()))
        {
            throw Refuse("key must be visible ASCII characters without blanks; a copied line break is the usual cause.");
        }
        if (keys.IsLocked)
        {
            throw Refuse(new VaultLockedException().Message, StatusCodes.Status503ServiceUnavailable);
        }
        var key = new PrincipalKey(keys.Seal(body.Key, provider.PrincipalKeyContext(principal)), body.Key.Fingerprint);
        await store.SetKey(name, principal, key, http.User.Identity!.Name!, ct);
        return Results.Ok(new { provider = name, principal, keyFingerprint = key.Fingerprint });
    }

    internal static async Task<ProviderEntry> Changeable(string name, ProviderCatalog catalog, CancellationToken ct)
    {
        var provider = await catalog.Find(name, ct) ?? throw RemoveProvider.Unknown(name);
        return provider.IsConfigured
            ? throw Refuse($"Provider '{name}' is fixed by the configuration ({ModelFabricOptions.Section}:Providers:{name}), its key too.", StatusCodes.Status409Conflict)
            : provider;
    }

    private static ProblemException Refuse(string why, int status = StatusCodes.Status400BadRequest) => new(status, "provider-refused", why);
}

/// <summary><c>DELETE /admin/providers/{name}/keys/{principal}</c>: its calls go out under the provider's key again.</summary>
public static class RemovePrincipalKey
{
    public static async Task<IResult> Handle(string name, string principal, HttpContext http, ProviderCatalog catalog, IProviderStore store, CancellationToken ct)
    {
        var provider = await PutPrincipalKey.Changeable(name, catalog, ct);
        if (!provider.PrincipalKeys.ContainsKey(principal))
        {
            throw ProblemException.NotFound("key", principal.Length <= 100 ? principal : principal[..100]);
        }
        await store.SetKey(name, principal, key: null, http.User.Identity!.Name!, ct);
        return Results.NoContent();
    }
}
