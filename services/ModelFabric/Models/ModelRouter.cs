using AgentPlatform.ModelFabric.Exchanges;
using AgentPlatform.ModelFabric.Providers;
using AgentPlatform.ModelFabric.Scripted;
using AgentPlatform.ModelFabric.Settings;
using AgentPlatform.ModelFabric.Tokens;
using AgentPlatform.ModelFabric.Upstream;
using AgentPlatform.ModelFabric.Wire;
using Microsoft.Extensions.Options;

namespace AgentPlatform.ModelFabric.Models;

/// <summary>A call on its way to a provider.</summary>
/// <param name="Model">The model's name at the provider, without the provider's own.</param>
/// <param name="Workspace">The run's workspace, whose scripts come first.</param>
/// <param name="Principal">Who asks.</param>
/// <param name="At">When it was asked for.</param>
/// <param name="Estimate">Made when a budget, a route or a silent provider asks for it.</param>
public sealed record ModelCall(Guid Id, CallRequest Request, string Model, Guid? Workspace, string Principal, DateTimeOffset At, Lazy<RequestEstimate> Estimate)
{
    public string RequestSha256 { get; init; } = "";

    /// <summary>What every answer of ours that is put together here begins with.</summary>
    public AnswerHead Head => new(Id, Request.Model, At, Request.IncludeUsage);
}

/// <summary>Where a model id leads.</summary>
public sealed record ModelRoute(string Provider, string Kind, string Model, Func<ModelCall, AnswerSink, CancellationToken, Task> Answer)
{
    /// <summary>Null for the scripted provider and the replay, which are built in.</summary>
    public ProviderEntry? Entry { get; init; }

    public ModelCard? Card => Entry?.Card(Model);

    public bool IsLocal => Entry?.IsLocal ?? true;
}

/// <summary>A line of <c>GET /v1/models</c>.</summary>
public sealed record ModelListing(string Id, string OwnedBy);

/// <summary>Finds the provider of a model id, <c>provider/model</c>; the model's part may itself contain slashes.</summary>
public sealed class ModelRouter(ProviderCatalog providers, ScriptLibrary scripts, AnswerFromScript scripted, AnswerFromRecords recorded, ForwardCall forward, ISettingStore<Routing.Route> routes, IOptions<ModelFabricOptions> options)
{
    /// <summary>Who owns a route in the lists of models.</summary>
    public const string RouteOwner = "route";

    public async Task<ModelRoute> Find(string id, Guid? workspace, CancellationToken ct) => await TryFind(id, workspace, ct) ?? throw await NotFound(id, workspace, ct);

    public async Task<ModelRoute?> TryFind(string id, Guid? workspace, CancellationToken ct)
    {
        var slash = id.IndexOf('/', StringComparison.Ordinal);
        if (slash > 0 && slash < id.Length - 1)
        {
            var (provider, model) = (id[..slash], id[(slash + 1)..]);
            if (provider == ProviderKind.Scripted)
            {
                if (scripts.Contains(model, workspace))
                {
                    return new ModelRoute(provider, ProviderKind.Scripted, model, scripted.Answer);
                }
            }
            else if (provider == ProviderKind.Replay)
            {
                return new ModelRoute(provider, ProviderKind.Replay, model, recorded.Answer);
            }
            else if (await providers.Find(provider, ct) is { } entry && (entry.Models.Count == 0 || entry.Models.Contains(model)))
            {
                return new ModelRoute(provider, entry.Kind, model, (call, sink, token) => forward.Answer(entry, call, sink, token)) { Entry = entry };
            }
        }
        return null;
    }

    public async Task<IReadOnlyList<ModelListing>> List(Guid? workspace, CancellationToken ct)
    {
        var declared = (await providers.All(ct)).SelectMany(provider => provider.Models.Select(model => new ModelListing($"{provider.Name}/{model}", provider.Name)));
        var written = scripts.Names(workspace).Select(name => new ModelListing($"{ProviderKind.Scripted}/{name}", ProviderKind.Scripted));
        var named = (await routes.All(ct)).Select(route => new ModelListing(route.Name, RouteOwner));
        return [.. declared.Concat(written).Concat(named).OrderBy(model => model.Id, StringComparer.Ordinal).Take(options.Value.ModelsListedMax)];
    }

    private async Task<ModelCallException> NotFound(string id, Guid? workspace, CancellationToken ct)
    {
        var known = await List(workspace, ct);
        var named = known.Take(options.Value.ModelsNamedInErrorMax).Select(model => model.Id).ToArray();
        var more = known.Count > named.Length ? $" and {known.Count - named.Length} more (GET /v1/models)" : "";
        var remedy = known.Count == 0 ? "There are none yet: add a provider with PUT /admin/providers/NAME or a script." : $"There are: {string.Join(", ", named)}{more}.";
        var shown = id.Length <= 200 ? id : id[..200] + "…";
        return ModelCallException.Invalid("model_not_found", $"The model '{shown}' does not exist; an id is provider/model or the name of a route. {remedy}", "model", StatusCodes.Status404NotFound);
    }
}
