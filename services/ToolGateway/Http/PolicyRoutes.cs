using System.Globalization;
using System.Security.Claims;
using System.Text.Json;
using AgentPlatform.Contracts;
using AgentPlatform.ServiceDefaults;
using AgentPlatform.ToolGateway.Mcp;
using AgentPlatform.ToolGateway.Policy;
using AgentPlatform.ToolGateway.Registry;

namespace AgentPlatform.ToolGateway.Http;

/// <summary><c>/v1/policy</c>.</summary>
internal static class PolicyRoutes
{
    public static void MapPolicy(this IEndpointRouteBuilder app)
    {
        app.MapGet("/v1/policy", async (PolicyBook book, CancellationToken ct) => View(await book.Current(ct))).RequireAuthorization(Access.Read);
        app.MapPut("/v1/policy", Set).RequireAuthorization(Access.Own);
        app.MapPost("/v1/policy/explain", Explain).RequireAuthorization(Access.Read);
        app.MapPost("/v1/policy/simulate", Simulate).RequireAuthorization(Access.Read);
    }

    private static PolicyView View(PolicyBook.Version version) => new(
        version.Number, version.Policy.Sha256, version.Policy.By, version.Policy.At, version.Policy.Text, ReadPolicy.Show(version.Engine.Rules), Verdict.Deny);

    private static async Task<PolicyView> Set(SetPolicyRequest request, PolicyBook book, ClaimsPrincipal who, CancellationToken ct)
    {
        try
        {
            return View(await book.Set(request.Policy, who.Identity?.Name ?? "unknown", request.ExpectedVersion, ct));
        }
        catch (InvalidPolicyException e)
        {
            throw Invalid(e);
        }
    }

    private static async Task<PolicyExplanation> Explain(ExplainPolicyRequest request, PolicyBook book, ToolRegistry registry, McpTools mcp, ClaimsPrincipal who, TimeProvider time, CancellationToken ct)
    {
        await mcp.Ready(request.Tool, ct);
        var tool = registry.Find(request.Tool) ?? throw ProblemException.NotFound("tool", request.Tool);
        var (engine, version) = request.Policy is { } other ? (Compiled(other), (long?)null) : await book.Current(ct) is var current ? (current.Engine, current.Number) : default;
        var call = PolicyCall.Of(
            tool.Spec, request.Arguments ?? JsonSerializer.SerializeToElement(new { }), request.Role ?? "developer", request.Principal ?? who.Identity?.Name ?? "unknown", request.Tainted, time.GetUtcNow());
        return new PolicyExplanation(engine.Decide(call), version, engine.Explain(call));
    }

    private static async Task<PolicySimulation> Simulate(SimulatePolicyRequest request, SimulatePolicy simulate, McpTools mcp, CancellationToken ct)
    {
        var after = 0L;
        await mcp.ReadyAll(starts: false, ct);
        return request.After is null || (long.TryParse(request.After, NumberStyles.None, CultureInfo.InvariantCulture, out after) && after >= 0)
            ? await simulate.Run(Compiled(request.Policy), after, ct)
            : throw new ProblemException(400, "bad-after", "'after' is the 'next' of the page before");
    }

    private static PolicyEngine Compiled(string text)
    {
        try
        {
            return new PolicyEngine(ReadPolicy.From(text).Rules);
        }
        catch (InvalidPolicyException e)
        {
            throw Invalid(e);
        }
    }

    private static ProblemException Invalid(InvalidPolicyException e) => new(422, "invalid-policy", $"The policy cannot be used: {e.Message}") { Errors = e.Errors };
}
