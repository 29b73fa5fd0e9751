using AgentPlatform.ModelFabric.Settings;
using AgentPlatform.ServiceDefaults;
using Microsoft.Extensions.Options;

namespace AgentPlatform.ModelFabric.Routing;

/// <summary>The body of <c>PUT /admin/routes/{name}</c>; what each means stands at <see cref="Route"/>.</summary>
public sealed record PutRoute(
    RouteCandidate[] Candidates, bool LocalOnly = false, decimal? InputPriceMax = null, decimal? OutputPriceMax = null, double? FirstTokenWithinSeconds = null,
    double? HedgeAfterSeconds = null)
{
    private const int WeightMax = 1_000_000;
    private const double SecondsMax = 3600;

    public static async Task<IResult> Handle(string name, PutRoute body, HttpContext http, ISettingStore<Route> routes, IOptions<ModelFabricOptions> options, CancellationToken ct)
    {
        var max = options.Value.Router;
        if (!Route.NamePattern().IsMatch(name))
        {
            throw Refuse("A route's name is up to 40 lower-case letters, digits, dots and dashes.");
        }
        if (body.Candidates.Length == 0 || body.Candidates.Length > max.CandidatesMax || body.Candidates.Any(one => one?.Model is null || one.Model.IndexOf('/', StringComparison.Ordinal) < 1 || one.Model.Length > 300))
        {
            throw Refuse($"candidates holds 1 to {max.CandidatesMax} models, provider/model each.");
        }
        if (body.Candidates.DistinctBy(one => one.Model).Count() < body.Candidates.Length || body.Candidates.Any(one => one.Weight is < 1 or > WeightMax))
        {
            throw Refuse($"A candidate stands in a route once, with a weight of 1 to {WeightMax}.");
        }
        if (body.InputPriceMax is < 0 || body.OutputPriceMax is < 0 || body.FirstTokenWithinSeconds is <= 0 or > SecondsMax or double.NaN)
        {
            throw Refuse($"Ceilings are not negative, and firstTokenWithinSeconds lies between 0 and {SecondsMax}.");
        }
        if (body.HedgeAfterSeconds is <= 0 or > SecondsMax or double.NaN || body.HedgeAfterSeconds is not null && body.Candidates.Length < 2)
        {
            throw Refuse($"hedgeAfterSeconds lies between 0 and {SecondsMax}, and needs a second candidate.");
        }
        var all = await routes.All(ct);
        var exists = all.Any(one => one.Name == name);
        if (!exists && all.Count >= max.RoutesMax)
        {
            throw Refuse($"There are {all.Count} routes already (ModelFabric:Router:RoutesMax). Remove one.", StatusCodes.Status409Conflict);
        }
        var route = new Route(name, body.Candidates, body.LocalOnly, body.InputPriceMax, body.OutputPriceMax, body.FirstTokenWithinSeconds, body.HedgeAfterSeconds);
        await routes.Set(route, http.User.Identity!.Name!, ct);
        return exists ? Results.Ok(route) : Results.Created($"/admin/routes/{name}", route);
    }

    internal static ProblemException Refuse(string why, int status = StatusCodes.Status400BadRequest) => new(status, "route-refused", why);
}

/// <summary><c>GET</c> and <c>DELETE /admin/routes[/{name}]</c>.</summary>
public static class ListRoutes
{
    public static async Task<IResult> All(ISettingStore<Route> routes, CancellationToken ct) => Results.Ok(new { routes = await routes.All(ct) });

    public static async Task<IResult> One(string name, ISettingStore<Route> routes, CancellationToken ct) =>
        (await routes.All(ct)).FirstOrDefault(one => one.Name == name) is { } route ? Results.Ok(route) : throw Unknown(name);

    public static async Task<IResult> Remove(string name, HttpContext http, ISettingStore<Route> routes, CancellationToken ct) =>
        await routes.Remove(name, http.User.Identity!.Name!, ct) ? Results.NoContent() : throw Unknown(name);

    private static ProblemException Unknown(string name) => ProblemException.NotFound("route", name.Length <= 100 ? name : name[..100]);
}
