using System.Security.Claims;
using System.Text.Json;
using AgentPlatform.Contracts;
using AgentPlatform.EventStore;
using AgentPlatform.ServiceDefaults;
using AgentPlatform.ToolGateway.Invocations;
using AgentPlatform.ToolGateway.Mcp;
using AgentPlatform.ToolGateway.Registry;
using AgentPlatform.ToolGateway.Usage;

namespace AgentPlatform.ToolGateway.Http;

/// <summary><c>/v1/tools</c>, <c>/v1/invocations</c>.</summary>
internal static class ToolRoutes
{
    private const int PageMax = 500;

    public static void MapTools(this IEndpointRouteBuilder app)
    {
        app.MapGet("/v1/tools", List).RequireAuthorization(Access.Read);
        app.MapGet("/v1/tools/usage", Usage).RequireAuthorization(Access.Read);
        app.MapPost("/v1/invocations", Invoke).RequireAuthorization(Access.Call);
        app.MapGet("/v1/invocations/{id}", (InvocationId id, CallTool calls, CancellationToken ct) => calls.Get(id, ct)).RequireAuthorization(Access.Read);
    }

    private static async Task<Page<ToolView>> List(ToolRegistry registry, McpTools mcp, IEventStore store, CancellationToken ct)
    {
        await mcp.ReadyAll(starts: true, ct);
        var health = new Dictionary<string, ToolHealth?>(StringComparer.Ordinal);
        for (string? after = null; ;)
        {
            (var rows, after) = await store.Views.List<ToolUsage>(new ViewQuery(ToolUsage.List, PageMax, after), ct);
            foreach (var row in rows)
            {
                health[row.Tool] = row.Health();
            }

            if (after is null)
            {
                return new([.. registry.Views.Select(view => view with { Health = health.GetValueOrDefault(view.Id) })], Next: null);
            }
        }
    }

    private static async Task<Page<ToolUsageView>> Usage(IEventStore store, CancellationToken ct, string? after = null, int limit = 100)
    {
        Bounds.Limit(limit, PageMax);
        try
        {
            var (rows, next) = await store.Views.List<ToolUsage>(new ViewQuery(ToolUsage.List, limit, after), ct);
            return new Page<ToolUsageView>([.. rows.Select(row => row.View())], next);
        }
        catch (FormatException)
        {
            throw new ProblemException(400, "bad-after", "'after' is the 'next' of the page before");
        }
    }

    private static async Task<IResult> Invoke(InvokeRequest request, CallTool calls, ClaimsPrincipal who, CancellationToken ct)
    {
        var call = new InvokeTool(
            request.Invocation ?? InvocationId.New(), request.Workspace, Run: null, Task: null, Attempt: 1, request.Tool, request.Arguments ?? JsonSerializer.SerializeToElement(new { }),
            who.Identity?.Name ?? "unknown", who.FindFirstValue(ClaimTypes.Role) ?? "unknown", Idempotent: false, TimeoutSeconds: null);
        var view = await calls.Run(call, ct);
        return view.State == InvocationState.Settled ? TypedResults.Ok(view) : TypedResults.Accepted($"/v1/invocations/{call.Invocation}", view);
    }
}
