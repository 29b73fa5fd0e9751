using System.Text.Json;
using RestEase;

namespace AgentPlatform.Contracts;

/// <summary>Where a run is.</summary>
public enum RunStatus
{
    /// <summary>Tasks are dispatched as they become ready.</summary>
    Running,

    /// <summary>What runs goes on, nothing new is dispatched.</summary>
    Paused,

    /// <summary>Every task ended well and the promised artifacts exist.</summary>
    Succeeded,

    /// <summary>At least one task could not be completed.</summary>
    Failed,

    /// <summary>Somebody stopped it.</summary>
    Stopped,
}

/// <summary>Where a task is; which move is legal stands in one table in the Orchestrator.</summary>
public enum TaskState
{
    /// <summary>Waits for tasks it needs.</summary>
    Pending,

    /// <summary>Could go at once.</summary>
    Ready,

    /// <summary>A worker has it.</summary>
    Assigned,

    /// <summary>The worker is at it.</summary>
    Running,

    /// <summary>A human must say yes.</summary>
    WaitingApproval,

    /// <summary>A human must answer.</summary>
    WaitingInput,

    /// <summary>The work is done; its acceptance checks run.</summary>
    Verifying,

    /// <summary>Done and verified.</summary>
    Succeeded,

    /// <summary>The last attempt failed; what follows is being decided.</summary>
    Failed,

    /// <summary>Waits for its next attempt.</summary>
    Retrying,

    /// <summary>No attempt left; a human can inspect and retry it.</summary>
    DeadLettered,

    /// <summary>Will not run, because something it needs did not succeed or a human said so.</summary>
    Skipped,

    /// <summary>The run was stopped.</summary>
    Cancelled,
}

/// <summary>Starts a run; exactly one of <see cref="Plan"/> and <see cref="Goal"/>.</summary>
/// <param name="Plan">A plan as a JSON object, or as a string that holds YAML or JSON.</param>
/// <param name="Goal">What is to be achieved, in words.</param>
/// <param name="Workspace">A workspace that already holds the input files; a new, empty one when absent.</param>
/// <param name="Inputs">Small text inputs: workspace path → content; for anything larger fill a workspace first.</param>
/// <param name="Budget">Upper bounds for the whole run.</param>
/// <param name="Profile">Name of a policy profile; <c>default</c> when absent.</param>
public sealed record StartRunRequest(
    JsonElement? Plan = null,
    string? Goal = null,
    WorkspaceId? Workspace = null,
    Dictionary<string, string>? Inputs = null,
    PlanBudget? Budget = null,
    string? Profile = null);

/// <summary>A run in a list.</summary>
/// <param name="Id">The run.</param>
/// <param name="Name">The plan's name.</param>
/// <param name="Status">Where it is.</param>
/// <param name="StartedAt">When it was accepted.</param>
/// <param name="EndedAt">When it ended.</param>
/// <param name="TasksDone">Tasks that will not change any more.</param>
/// <param name="TasksTotal">All tasks.</param>
public sealed record RunSummary(RunId Id, string Name, RunStatus Status, DateTimeOffset StartedAt, DateTimeOffset? EndedAt, int TasksDone, int TasksTotal);

/// <summary>A run with its tasks.</summary>
/// <param name="Id">The run.</param>
/// <param name="Name">The plan's name.</param>
/// <param name="Title">One line for people.</param>
/// <param name="Status">Where it is.</param>
/// <param name="Reason">Why it failed or stopped.</param>
/// <param name="Workspace">Its files.</param>
/// <param name="StartedAt">When it was accepted.</param>
/// <param name="EndedAt">When it ended.</param>
/// <param name="Tasks">In the order of the plan.</param>
/// <param name="Artifacts">The product, with hashes; complete when the run succeeded.</param>
/// <param name="DispatchOrder">Task ids in the order they were dispatched; a task that was tried again stands in it again.</param>
/// <param name="StateHash">SHA-256 (hex) over the state without ids and times.</param>
/// <param name="Version">Version of the run's stream that this view shows.</param>
/// <param name="TraceId">The distributed trace of the run, where it was traced.</param>
public sealed record RunView(
    RunId Id,
    string Name,
    string? Title,
    RunStatus Status,
    string? Reason,
    WorkspaceId Workspace,
    DateTimeOffset StartedAt,
    DateTimeOffset? EndedAt,
    TaskView[] Tasks,
    Artifact[] Artifacts,
    string[] DispatchOrder,
    string StateHash,
    long Version,
    string? TraceId);

/// <summary>A task of a run.</summary>
/// <param name="Id">Its id in the plan.</param>
/// <param name="Title">One line for people.</param>
/// <param name="Role">Who does it.</param>
/// <param name="State">Where it is.</param>
/// <param name="Attempt">The attempt it is at, from 1; 0 before the first.</param>
/// <param name="Worker">Who has or had it, for example <c>document-2</c>.</param>
/// <param name="Needs">Tasks it waits for.</param>
/// <param name="Reason">Why it failed, waits or was skipped.</param>
/// <param name="Request">The request in the inbox it waits for.</param>
/// <param name="StartedAt">When its latest attempt began.</param>
/// <param name="EndedAt">When it ended.</param>
/// <param name="Artifacts">Files it wrote.</param>
public sealed record TaskView(
    string Id,
    string? Title,
    string Role,
    TaskState State,
    int Attempt,
    string? Worker,
    string[] Needs,
    string? Reason,
    RequestId? Request,
    DateTimeOffset? StartedAt,
    DateTimeOffset? EndedAt,
    Artifact[] Artifacts);

/// <summary>One event of a run, as the run's stream and the streams of its attempts hold it.</summary>
/// <param name="Id">Position; pass the last one seen as <c>after</c> or <c>Last-Event-ID</c>.</param>
/// <param name="Stream">Which stream.</param>
/// <param name="Version">Version within it.</param>
/// <param name="Type">Stored type name, for example <c>task-succeeded.1</c>.</param>
/// <param name="At">When.</param>
/// <param name="Data">The event.</param>
public sealed record RunEventView(long Id, string Stream, long Version, string Type, DateTimeOffset At, JsonElement Data);

/// <summary>The Orchestrator over HTTP.</summary>
[Header("Accept", "application/json")]
public interface IOrchestratorApi
{
    /// <summary>The bearer token.</summary>
    [Header("Authorization")]
    string Authorization { get; set; }

    /// <summary>Starts a run: 201, or problem details that name what is wrong with the plan. With the same idempotency key: the same run.</summary>
    /// <param name="idempotencyKey">Chosen by the caller, at most 200 characters.</param>
    /// <param name="request">What to do.</param>
    /// <param name="ct">Stops waiting, not the run.</param>
    [Post("v1/runs")]
    Task<RunView> StartRun([Header("Idempotency-Key")] string? idempotencyKey, [Body] StartRunRequest request, CancellationToken ct = default);

    /// <summary>Lists runs, newest first.</summary>
    /// <param name="after">Where the page before ended.</param>
    /// <param name="limit">1 to 200.</param>
    /// <param name="ct">Stops waiting.</param>
    [Get("v1/runs")]
    Task<Page<RunSummary>> ListRuns([Query] string? after = null, [Query] int? limit = null, CancellationToken ct = default);

    /// <summary>One run.</summary>
    /// <param name="id">The run.</param>
    /// <param name="ct">Stops waiting.</param>
    [Get("v1/runs/{id}")]
    Task<RunView> GetRun([Path] RunId id, CancellationToken ct = default);

    /// <summary>A page of the run's events.</summary>
    /// <param name="id">The run.</param>
    /// <param name="after">Position of the last event already known.</param>
    /// <param name="limit">1 to 1000.</param>
    /// <param name="ct">Stops waiting.</param>
    [Get("v1/runs/{id}/events")]
    Task<Page<RunEventView>> ListEvents([Path] RunId id, [Query] long? after = null, [Query] int? limit = null, CancellationToken ct = default);

    /// <summary>Dispatches nothing new until resumed.</summary>
    /// <param name="id">The run.</param>
    /// <param name="ct">Stops waiting.</param>
    [Post("v1/runs/{id}/pause")]
    Task<RunView> Pause([Path] RunId id, CancellationToken ct = default);

    /// <summary>Goes on after a pause.</summary>
    /// <param name="id">The run.</param>
    /// <param name="ct">Stops waiting.</param>
    [Post("v1/runs/{id}/resume")]
    Task<RunView> Resume([Path] RunId id, CancellationToken ct = default);

    /// <summary>Ends the run; what runs is cancelled.</summary>
    /// <param name="id">The run.</param>
    /// <param name="ct">Stops waiting.</param>
    [Post("v1/runs/{id}/stop")]
    Task<RunView> Stop([Path] RunId id, CancellationToken ct = default);
}
