using System.Text.Json;
using AgentPlatform.ModelFabric.Tokens;
using AgentPlatform.ModelFabric.Wire;
using AgentPlatform.ModelFabric.Wire.Chat;
using AgentPlatform.ModelFabric.Wire.Embeddings;
using AgentPlatform.ModelFabric.Wire.Messages;
using AgentPlatform.ModelFabric.Wire.Responses;
using AgentPlatform.ServiceDefaults;
using Microsoft.Extensions.Options;

namespace AgentPlatform.ModelFabric.Routing;

/// <summary><c>POST /admin/routes/explain</c>: what would happen to a request now, and why. Nothing is called.</summary>
/// <param name="Request">As it would be sent; its <c>model</c> names the route.</param>
/// <param name="Format">chat, responses, embeddings or messages; chat when not said.</param>
/// <param name="Run">The run it would belong to.</param>
/// <param name="LocalOnly">As if the caller had asked that nothing leaves the machine.</param>
public sealed record ExplainRoute(JsonElement Request, string? Format = null, string? Run = null, bool LocalOnly = false)
{
    private static readonly WireFormat[] Formats = [ChatFormat.Instance, ResponsesFormat.Instance, EmbeddingsFormat.Instance, MessagesFormat.Instance];

    public static async Task<IResult> Handle(ExplainRoute body, PlanCall plan, IOptions<ModelFabricOptions> options, CancellationToken ct)
    {
        var format = Formats.FirstOrDefault(one => one.Name == (body.Format ?? ChatFormat.Instance.Name))
            ?? throw PutRoute.Refuse($"format is one of {string.Join(", ", Formats.Select(one => one.Name))}.");
        try
        {
            var request = format.Scan(JsonSerializer.SerializeToUtf8Bytes(body.Request), "application/json");
            var estimate = new Lazy<RequestEstimate>(() => EstimateRequest.Of(request, request.Model, options.Value.Budgets.MediaTokensReserved));
            var judged = await plan.Judge(request, estimate, body.Run ?? "", body.LocalOnly, workspace: null, ct)
                ?? throw ProblemException.NotFound("route", request.Model.Length <= 100 ? request.Model : request.Model[..100]);
            return Results.Ok(new { route = judged.Route.Name, needs = judged.Needs, candidates = judged.Candidates.Select(one => new { one.Model, one.Verdict, one.Why }) });
        }
        catch (ModelCallException unreadable)
        {
            throw PutRoute.Refuse($"The request cannot be read: {unreadable.Message}");
        }
    }
}
