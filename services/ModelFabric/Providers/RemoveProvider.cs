namespace AgentPlatform.ModelFabric.Providers;

/// <summary><c>DELETE /admin/providers/{name}</c>; the sealed key goes with it.</summary>
public static class RemoveProvider
{
    public static async Task<IResult> Handle(string name, ProviderCatalog catalog, IProviderStore store, CancellationToken ct)
    {
        if (catalog.IsConfigured(name))
        {
            return Results.Problem(title: "The provider cannot be removed", statusCode: StatusCodes.Status409Conflict,
                detail: $"Provider '{name}' is fixed by the configuration ({ModelFabricOptions.Section}:Providers:{name}). Remove it there.");
        }
        return await store.Remove(name, ct) ? Results.NoContent() : Unknown(name);
    }

    internal static IResult Unknown(string name) => Results.Problem(title: "No such provider", statusCode: StatusCodes.Status404NotFound,
        detail: $"There is no provider '{(name.Length <= 100 ? name : name[..100])}'. GET /admin/providers lists them.");
}
