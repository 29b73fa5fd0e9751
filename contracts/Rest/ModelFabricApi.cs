using System.Text.Json;
using RestEase;

namespace AgentPlatform.Contracts;

/// <summary>
/// What an operator asks ModelFabric for: providers, routes, budgets, usage. Models themselves are called with the clients of their
/// wire formats.
/// </summary>
/// <remarks>Bodies are documents: the service owns their shape, and a client that shows them needs to know little of it.</remarks>
[Header("Accept", "application/json")]
public interface IModelFabricApi
{
    /// <summary>Bearer token of the caller.</summary>
    [Header("Authorization")]
    string Authorization { get; set; }

    /// <summary>The models there are, in OpenAI's form.</summary>
    /// <param name="ct">Cancels the request.</param>
    [Get("v1/models")]
    Task<JsonElement> ListModels(CancellationToken ct = default);

    /// <summary>The providers; keys appear as fingerprints only.</summary>
    /// <param name="ct">Cancels the request.</param>
    [Get("admin/providers")]
    Task<JsonElement> ListProviders(CancellationToken ct = default);

    /// <summary>Adds or replaces a provider.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="provider">Its settings; an absent key keeps the stored one.</param>
    /// <param name="ct">Cancels the request.</param>
    [Put("admin/providers/{name}")]
    Task<JsonElement> SetProvider([Path] string name, [Body] object provider, CancellationToken ct = default);

    /// <summary>Removes a provider and its sealed key.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="ct">Cancels the request.</param>
    [Delete("admin/providers/{name}")]
    Task RemoveProvider([Path] string name, CancellationToken ct = default);

    /// <summary>Three small calls that show whether a provider works.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="test">Which model.</param>
    /// <param name="ct">Cancels the request.</param>
    [Post("admin/providers/{name}/test")]
    Task<JsonElement> TestProvider([Path] string name, [Body] object test, CancellationToken ct = default);

    /// <summary>The routes.</summary>
    /// <param name="ct">Cancels the request.</param>
    [Get("admin/routes")]
    Task<JsonElement> ListRoutes(CancellationToken ct = default);

    /// <summary>Adds or replaces a route.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="route">Its candidates and rules.</param>
    /// <param name="ct">Cancels the request.</param>
    [Put("admin/routes/{name}")]
    Task<JsonElement> SetRoute([Path] string name, [Body] object route, CancellationToken ct = default);

    /// <summary>Removes a route.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="ct">Cancels the request.</param>
    [Delete("admin/routes/{name}")]
    Task RemoveRoute([Path] string name, CancellationToken ct = default);

    /// <summary>Where a request would go now, and why.</summary>
    /// <param name="request">The request; nothing is called.</param>
    /// <param name="ct">Cancels the request.</param>
    [Post("admin/routes/explain")]
    Task<JsonElement> ExplainRoute([Body] object request, CancellationToken ct = default);

    /// <summary>The budgets.</summary>
    /// <param name="ct">Cancels the request.</param>
    [Get("admin/budgets")]
    Task<JsonElement> ListBudgets(CancellationToken ct = default);

    /// <summary>A budget with what is spent and set aside.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="ct">Cancels the request.</param>
    [Get("admin/budgets/{name}")]
    Task<JsonElement> GetBudget([Path] string name, CancellationToken ct = default);

    /// <summary>Adds or replaces a budget.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="budget">Whose spending it bounds, and how.</param>
    /// <param name="ct">Cancels the request.</param>
    [Put("admin/budgets/{name}")]
    Task<JsonElement> SetBudget([Path] string name, [Body] object budget, CancellationToken ct = default);

    /// <summary>Removes a budget; what was spent stays on its counters.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="ct">Cancels the request.</param>
    [Delete("admin/budgets/{name}")]
    Task RemoveBudget([Path] string name, CancellationToken ct = default);

    /// <summary>What holds for calls beside routes and budgets.</summary>
    /// <param name="ct">Cancels the request.</param>
    [Get("admin/policies")]
    Task<JsonElement> ListPolicies(CancellationToken ct = default);

    /// <summary>One policy.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="ct">Cancels the request.</param>
    [Get("admin/policies/{name}")]
    Task<JsonElement> GetPolicy([Path] string name, CancellationToken ct = default);

    /// <summary>Adds or replaces a policy.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="policy">JSON, or YAML where the content says so.</param>
    /// <param name="ct">Cancels the request.</param>
    [Put("admin/policies/{name}")]
    Task<JsonElement> SetPolicy([Path] string name, [Body] HttpContent policy, CancellationToken ct = default);

    /// <summary>Removes a policy.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="ct">Cancels the request.</param>
    [Delete("admin/policies/{name}")]
    Task RemovePolicy([Path] string name, CancellationToken ct = default);

    /// <summary>What policies would take out of a text; nothing is sent.</summary>
    /// <param name="test">The text, and whose call to which model it would be.</param>
    /// <param name="ct">Cancels the request.</param>
    [Post("admin/policies/test")]
    Task<JsonElement> TestPolicies([Body] object test, CancellationToken ct = default);

    /// <summary>Sums of usage over whole days (UTC).</summary>
    /// <param name="by">Columns to keep apart, separated by commas: run, principal, provider, model, day.</param>
    /// <param name="from">The first day.</param>
    /// <param name="to">The last day.</param>
    /// <param name="ct">Cancels the request.</param>
    [Get("admin/usage")]
    Task<JsonElement> Usage([Query] string? by = null, [Query] string? from = null, [Query] string? to = null, CancellationToken ct = default);
}
