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
    // Long enough for most tools; a caller that wants to know later asks for the invocation.
    private static readonly TimeSpan WaitMax = TimeSpan.FromSeconds(30);

    private const int PageMax = 500;

    public static void MapTools(this IEndpointRouteBuilder app)
    {
        app.MapGet("/v1/tools", List).RequireAuthorization(Access.Read);
        app.MapGet("/v1/tools/usage", Usage).RequireAuthorization(Access.Read);
        app.MapPost("/v1/invocations", Invoke).RequireAuthorization(Access.Call);
        app.MapGet("/v1/invocations/{id}", Get).RequireAuthorization(Access.Read);
    }

    private static async Task<Page<ToolView>> List(ToolRegistry registry, McpTools mcp, CancellationToken ct)
    {
        await mcp.ReadyAll(starts: true, ct);
        return new([.. registry.Views], Next: null);
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

    private static async Task<IResult> Invoke(
        InvokeRequest request, RequestInvocation intake, IEventStore store, ClaimsPrincipal who, TimeProvider time, CancellationToken ct)
    {
        var id = request.Invocation ?? InvocationId.New();
        var call = new InvokeTool(
            id, request.Workspace, Run: null, Task: null, Attempt: 1, request.Tool, request.Arguments ?? JsonSerializer.SerializeToElement(new { }), who.Identity?.Name ?? "unknown",
            who.FindFirstValue(ClaimTypes.Role) ?? "unknown", Idempotent: false, TimeoutSeconds: null);
        await intake.Take(
            call,
            time.GetUtcNow(),
            session => session.CorrelationId = id.ToString(),
            known =>
            {
                if (known is Invocation.Known { Request: var before } && CallHash.Of(before.ToolId, call) != before.CallHash)
                {
                    throw new ProblemException(409, "invocation-differs", $"The invocation {id} exists with another tool, workspace or other arguments; use a new id");
                }
            },
            ct);
        var view = await WaitUntilSettled(id, store, ct);
        return view.State == InvocationState.Settled ? TypedResults.Ok(view) : TypedResults.Accepted($"/v1/invocations/{id}", view);
    }

    private static async Task<InvocationView> Get(InvocationId id, IEventStore store, CancellationToken ct) =>
        (await store.Aggregate(Invocation.Kind, id.ToString(), ct)).State is Invocation.Known known ? Invocation.View(id, known) : throw ProblemException.NotFound("invocation", id);

    private static async Task<InvocationView> WaitUntilSettled(InvocationId id, IEventStore store, CancellationToken ct)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(ct);
        deadline.CancelAfter(WaitMax);
        while (true)
        {
            var next = store.Signal.Next;
            var view = await Get(id, store, ct);
            if (view.State is InvocationState.Settled or InvocationState.WaitingApproval)
            {
                return view;
            }

            try
            {
                await store.Signal.Wait(next, deadline.Token);
            }
            catch (OperationCanceledException) when (!ct.IsCancellationRequested)
            {
                return view;
            }
        }
    }
}
