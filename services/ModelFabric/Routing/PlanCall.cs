using AgentPlatform.ModelFabric.Models;
using AgentPlatform.ModelFabric.Settings;
using AgentPlatform.ModelFabric.Tokens;
using AgentPlatform.ModelFabric.Wire;

namespace AgentPlatform.ModelFabric.Routing;

/// <summary>Where a call goes, first to last.</summary>
/// <param name="Route">The route's name; null when the caller named a model.</param>
/// <param name="Candidates">At least one.</param>
public sealed record CallPlan(string? Route, IReadOnlyList<ModelRoute> Candidates, TimeSpan? FirstTokenWithin = null, TimeSpan? HedgeAfter = null);

/// <summary>A route as judged for one request.</summary>
public sealed record JudgedRoute(Route Route, RequestNeeds Needs, IReadOnlyList<JudgedCandidate> Candidates, IReadOnlyDictionary<string, ModelRoute> Known);

/// <summary>From the model a caller names to the providers that are asked for it.</summary>
public sealed class PlanCall(ModelRouter models, ISettingStore<Route> routes, ProviderHealth health, TimeProvider time)
{
    public async Task<CallPlan> For(CallRequest request, Lazy<RequestEstimate> estimate, string key, bool localOnly, Guid? workspace, CancellationToken ct)
    {
        if (await Judge(request, estimate, key, localOnly, workspace, ct) is not { } judged)
        {
            var direct = await models.Find(request.Model, workspace, ct);
            return localOnly && !direct.IsLocal
                ? throw ModelCallException.Invalid("local_only", $"The request is not to leave this machine, and provider '{direct.Provider}' is not on it.", "model", StatusCodes.Status403Forbidden)
                : new CallPlan(null, [direct]);
        }
        ModelRoute[] candidates = [.. judged.Candidates.Where(one => one.Verdict != Verdict.Excluded).Select(one => judged.Known[one.Model])];
        if (candidates.Length == 0)
        {
            var message = $"No candidate of route '{judged.Route.Name}' can take the request: {string.Join("; ", judged.Candidates.Select(one => $"{one.Model}: {one.Why}"))}.";
            throw judged.Candidates.Any(one => one.IsHealth)
                ? ModelCallException.Upstream("no_candidate_left", message, StatusCodes.Status503ServiceUnavailable)
                : ModelCallException.Invalid("no_candidate_fits", message, "model");
        }
        return new CallPlan(judged.Route.Name, candidates, Span(judged.Route.FirstTokenWithinSeconds), Span(judged.Route.HedgeAfterSeconds));
    }

    private static TimeSpan? Span(double? seconds) => seconds is { } known ? TimeSpan.FromSeconds(known) : null;

    /// <summary>Null when the model is no route's name.</summary>
    public async Task<JudgedRoute?> Judge(CallRequest request, Lazy<RequestEstimate> estimate, string key, bool localOnly, Guid? workspace, CancellationToken ct)
    {
        if (request.Model.Contains('/', StringComparison.Ordinal) || (await routes.All(ct)).FirstOrDefault(one => one.Name == request.Model) is not { } route)
        {
            return null;
        }
        var (today, known, facts) = (DateOnly.FromDateTime(time.GetUtcNow().UtcDateTime), new Dictionary<string, ModelRoute>(), new List<CandidateFacts>());
        foreach (var candidate in route.Candidates)
        {
            var found = await models.TryFind(candidate.Model, workspace, ct);
            if (found is not null)
            {
                known[candidate.Model] = found;
            }
            facts.Add(new CandidateFacts(
                candidate, found is not null, found?.IsLocal ?? false, found?.Card, found?.Card?.PriceOn(today), found is null ? null : health.OpenFor(found.Provider)));
        }
        var needs = RequestNeeds.Of(request, estimate.Value);
        return new JudgedRoute(route, needs, ChooseCandidates.Judge(route, needs, localOnly, facts, key), known);
    }
}
