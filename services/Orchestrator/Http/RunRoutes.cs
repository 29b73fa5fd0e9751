using System.Diagnostics;
using System.Security.Claims;
using AgentPlatform.Contracts;
using AgentPlatform.EventStore;
using AgentPlatform.Messaging;
using AgentPlatform.Orchestrator.Attempts;
using AgentPlatform.Orchestrator.Plans;
using AgentPlatform.Orchestrator.Runs;
using AgentPlatform.ServiceDefaults;
using Microsoft.AspNetCore.Mvc;

namespace AgentPlatform.Orchestrator.Http;

/// <summary><c>/v1/runs</c>.</summary>
internal static class RunRoutes
{
    private const int InputCharactersMax = 1024 * 1024;

    public static void MapRuns(this IEndpointRouteBuilder app)
    {
        var runs = app.MapGroup("/v1/runs");
        runs.MapPost("", Start).RequireAuthorization(Access.Operate);
        runs.MapGet("", List).RequireAuthorization(Access.Read);
        runs.MapGet("{id}", Get).RequireAuthorization(Access.Read);
        runs.MapGet("{id}/events", RunFeed.Get).RequireAuthorization(Access.Read);
        runs.MapPost("{id}/pause", (RunId id, DecisionWriter writer, ClaimsPrincipal who, TimeProvider time, CancellationToken ct) =>
            Steer(id, writer, run => SteerRun.Pause(run, Name(who), time.GetUtcNow()), ct)).RequireAuthorization(Access.Operate);
        runs.MapPost("{id}/resume", (RunId id, DecisionWriter writer, ClaimsPrincipal who, TimeProvider time, CancellationToken ct) =>
            Steer(id, writer, run => SteerRun.Resume(run, Name(who), time.GetUtcNow()), ct)).RequireAuthorization(Access.Operate);
        runs.MapPost("{id}/stop", (RunId id, DecisionWriter writer, ClaimsPrincipal who, TimeProvider time, CancellationToken ct) =>
            Steer(id, writer, run => SteerRun.Stop(run, Name(who), time.GetUtcNow()), ct)).RequireAuthorization(Access.Operate);
    }

    private static async Task<IResult> Start(
        [FromHeader(Name = "Idempotency-Key")] string? key,
        StartRunRequest request,
        IEventStore store,
        DecisionWriter writer,
        ToolCatalogue tools,
        IHttpClientFactory clients,
        ClaimsPrincipal who,
        TimeProvider time,
        CancellationToken ct)
    {
        if (key is { Length: > 200 })
        {
            throw new ProblemException(400, "bad-idempotency-key", "An Idempotency-Key has at most 200 characters");
        }

        // With a key the id follows from it, so a retry finds the run that the first try started.
        var id = key is null ? RunId.New() : new RunId(DerivedId.Of("run", Name(who), key));
        if (key is not null && (await store.Aggregate(Run.Kind, id.ToString(), ct)) is { State: Run.Known known } found)
        {
            return TypedResults.Ok(RunViews.View(known, found.Version));
        }

        var plan = ReadPlanOf(request);
        var workspace = request.Workspace ?? new WorkspaceId(id.Value);
        var gateway = clients.Of<IToolGatewayApi>(ServiceNames.ToolGateway);
        await PutInputs(gateway, workspace, request.Inputs ?? [], ct);
        try
        {
            var files = await gateway.ListFiles(workspace, glob: null, ct);
            CheckPlan.Against(plan, await tools.All(ct), files.Items.Select(f => f.Path).ToHashSet(StringComparer.Ordinal));
        }
        catch (InvalidPlanException e)
        {
            throw Invalid(e);
        }

        var (state, version) = await writer.Write(
            Run.Kind,
            id.ToString(),
            run => StartRun.Decide(new StartRun(id, plan, workspace, Name(who), time.GetUtcNow(), Activity.Current?.TraceId.ToString()), run),
            session => session.CorrelationId = id.ToString(),
            ct);
        return TypedResults.Created($"/v1/runs/{id}", RunViews.View((Run.Known)state, version));
    }

    private static Plan ReadPlanOf(StartRunRequest request)
    {
        if (request.Plan is not { } sent)
        {
            throw request.Goal is null
                ? new ProblemException(400, "no-plan", "Send 'plan': a JSON object, or a string that holds YAML or JSON")
                : new ProblemException(422, "no-planner", "A goal needs a planner, and none is configured; send 'plan' with the tasks instead");
        }

        if (request.Goal is not null)
        {
            throw new ProblemException(400, "plan-and-goal", "Send either 'plan' or 'goal', not both");
        }

        try
        {
            return ReadPlan.From(sent);
        }
        catch (InvalidPlanException e)
        {
            throw Invalid(e);
        }
    }

    private static ProblemException Invalid(InvalidPlanException e) => new(422, "invalid-plan", $"The plan cannot be run: {e.Message}") { Errors = e.Errors };

    private static async Task PutInputs(IToolGatewayApi gateway, WorkspaceId workspace, Dictionary<string, string> inputs, CancellationToken ct)
    {
        if (inputs.Sum(i => i.Value.Length) > InputCharactersMax)
        {
            throw new ProblemException(413, "inputs-too-large", $"'inputs' holds more than {InputCharactersMax} characters; write the files into a workspace and name it with 'workspace'");
        }

        foreach (var (path, content) in inputs)
        {
            using var bytes = new MemoryStream(System.Text.Encoding.UTF8.GetBytes(content));
            await gateway.PutFile(workspace, path, bytes, ct);
        }
    }

    private static async Task<Page<RunSummary>> List(IEventStore store, CancellationToken ct, string? after = null, int limit = 50, string? status = null)
    {
        Bounds.Limit(limit, 200);
        var tag = status is null ? null : Bounds.Word<RunStatus>(status, "status").ToString();
        try
        {
            var (rows, next) = await store.Views.List<RunSummary>(new ViewQuery(RunViews.List, limit, after, tag, Descending: true), ct);
            return new Page<RunSummary>([.. rows], next);
        }
        catch (FormatException e)
        {
            throw new ProblemException(400, "bad-cursor", $"'after' is not a cursor of this list: {e.Message}");
        }
    }

    private static async Task<RunView> Get(RunId id, IEventStore store, CancellationToken ct) =>
        await store.Aggregate(Run.Kind, id.ToString(), ct) is { State: Run.Known known } found ? RunViews.View(known, found.Version) : throw ProblemException.NotFound("run", id);

    private static async Task<RunView> Steer(RunId id, DecisionWriter writer, Func<Run, (RunEvent[] Facts, object[] Outgoing)> decide, CancellationToken ct)
    {
        var (state, version) = await writer.Write(
            Run.Kind, id.ToString(), run => run is Run.Known ? decide(run) : throw ProblemException.NotFound("run", id), session => session.CorrelationId = id.ToString(), ct);
        return RunViews.View((Run.Known)state, version);
    }

    private static string Name(ClaimsPrincipal who) => who.Identity?.Name ?? "unknown";
}
