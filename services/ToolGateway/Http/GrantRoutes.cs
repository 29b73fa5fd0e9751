using System.Security.Claims;
using System.Text.Json;
using AgentPlatform.Contracts;
using AgentPlatform.ServiceDefaults;
using AgentPlatform.ToolGateway.Grants;

namespace AgentPlatform.ToolGateway.Http;

/// <summary><c>/v1/grants</c>.</summary>
internal static class GrantRoutes
{
    private const int PageMax = 500;

    public static void MapGrants(this IEndpointRouteBuilder app)
    {
        app.MapGet("/v1/grants", List).RequireAuthorization(Access.Read);
        app.MapGet("/v1/grants/{id}", async (GrantId id, GrantBook grants, TimeProvider time, CancellationToken ct) => (await grants.Get(id, ct)).View(time.GetUtcNow())).RequireAuthorization(Access.Read);
        app.MapPost("/v1/grants", Give).RequireAuthorization(Access.Approve);
        app.MapDelete("/v1/grants/{id}", (GrantId id, GrantBook grants, ClaimsPrincipal who, CancellationToken ct) => grants.Revoke(id, Name(who), ct)).RequireAuthorization(Access.Approve);
    }

    private static async Task<IResult> Give(GiveGrantRequest request, GrantBook grants, ClaimsPrincipal who, CancellationToken ct)
    {
        var given = await grants.Give(GrantId.New(), request, Name(who), ct);
        return TypedResults.Created($"/v1/grants/{given.Id}", given);
    }

    private static async Task<Page<GrantView>> List(GrantBook grants, CancellationToken ct, string? state = null, string? after = null, int limit = 100)
    {
        Bounds.Limit(limit, PageMax);
        GrantState? wanted = state is null ? null
            : Enum.GetValues<GrantState>().Cast<GrantState?>().FirstOrDefault(s => JsonNamingPolicy.SnakeCaseLower.ConvertName(s.ToString()!) == state)
            ?? throw new ProblemException(400, "bad-state", $"'state' is active, expired, used_up or revoked, not '{state}'");
        try
        {
            return await grants.List(wanted, after, limit, ct);
        }
        catch (FormatException)
        {
            throw new ProblemException(400, "bad-after", "'after' is the 'next' of the page before");
        }
    }

    private static string Name(ClaimsPrincipal who) => who.Identity?.Name ?? "unknown";
}
