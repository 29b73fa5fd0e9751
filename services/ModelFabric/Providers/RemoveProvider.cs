using AgentPlatform.ServiceDefaults;

namespace AgentPlatform.ModelFabric.Providers;

/// <summary><c>DELETE /admin/providers/{name}</c>; the sealed key goes with it.</summary>
public static class RemoveProvider
{
    public static async Task<IResult> Handle(string name, HttpContext http, ProviderCatalog catalog, IProviderStore store, CancellationToken ct)
    {
        if (catalog.IsConfigured(name))
        {
            throw new ProblemException(StatusCodes.Status409Conflict, "provider-refused",
                $"Provider '{name}' is fixed by the configuration ({ModelFabricOptions.Section}:Providers:{name}). Remove it there.");
        }
        return await store.Remove(name, http.User.Identity!.Name!, ct) ? Results.NoContent() : throw Unknown(name);
    }

    internal static ProblemException Unknown(string name) => ProblemException.NotFound("provider", name.Length <= 100 ? name : name[..100]);
}
