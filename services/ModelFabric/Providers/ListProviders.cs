namespace AgentPlatform.ModelFabric.Providers;

/// <summary><c>GET /admin/providers</c> and <c>GET /admin/providers/{name}</c>; keys appear as fingerprints only.</summary>
public static class ListProviders
{
    public static async Task<IResult> All(ProviderCatalog catalog, CancellationToken ct) =>
        Results.Ok(new { providers = (await catalog.All(ct)).Select(ProviderView.Of) });

    public static async Task<IResult> One(string name, ProviderCatalog catalog, CancellationToken ct) =>
        await catalog.Find(name, ct) is { } entry ? Results.Ok(ProviderView.Of(entry)) : throw RemoveProvider.Unknown(name);
}
