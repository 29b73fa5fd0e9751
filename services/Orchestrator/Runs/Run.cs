using System.Collections.Immutable;
using AgentPlatform.Contracts;
using AgentPlatform.EventStore;
using AgentPlatform.Orchestrator.Plans;

namespace AgentPlatform.Orchestrator.Runs;

/// <summary>A run: not there yet, at work, or at its end.</summary>
public abstract record Run
{
    private Run()
    {
    }

    /// <summary>The kind of stream; its list view holds a <see cref="RunSummary"/>.</summary>
    public static StreamKind<Run, RunEvent> Kind { get; } = new("run", new NotStarted(), Evolve, RunViews.Row);

    /// <summary>No run with this id.</summary>
    public sealed record NotStarted : Run;

    /// <summary>A run with a plan.</summary>
    /// <param name="Id">The run.</param>
    /// <param name="Plan">Its plan.</param>
    /// <param name="Graph">The plan as a graph.</param>
    /// <param name="Workspace">Its files.</param>
    /// <param name="StartedBy">The principal.</param>
    /// <param name="StartedAt">When.</param>
    /// <param name="TraceId">Its distributed trace.</param>
    /// <param name="Tasks">Where each task is.</param>
    /// <param name="Queue">Dispatched tasks whose result has not taken effect, in dispatch order.</param>
    /// <param name="Dispatched">Every dispatch so far, in order.</param>
    /// <param name="IsPaused">Nothing new is dispatched.</param>
    public abstract record Known(
        RunId Id,
        Plan Plan,
        PlanGraph Graph,
        WorkspaceId Workspace,
        string StartedBy,
        DateTimeOffset StartedAt,
        string? TraceId,
        ImmutableDictionary<string, TaskProgress> Tasks,
        ImmutableList<string> Queue,
        ImmutableList<string> Dispatched,
        bool IsPaused) : Run;

    /// <summary>At work.</summary>
    public sealed record Active(
        RunId Id,
        Plan Plan,
        PlanGraph Graph,
        WorkspaceId Workspace,
        string StartedBy,
        DateTimeOffset StartedAt,
        string? TraceId,
        ImmutableDictionary<string, TaskProgress> Tasks,
        ImmutableList<string> Queue,
        ImmutableList<string> Dispatched,
        bool IsPaused)
        : Known(Id, Plan, Graph, Workspace, StartedBy, StartedAt, TraceId, Tasks, Queue, Dispatched, IsPaused);

    /// <summary>At its end.</summary>
    /// <param name="Last">The run as it was when it ended.</param>
    /// <param name="Status">How it ended.</param>
    /// <param name="Reason">Why not well.</param>
    /// <param name="Artifacts">Its product.</param>
    /// <param name="StateHash">Over its final state.</param>
    /// <param name="EndedAt">When.</param>
    public sealed record Ended(Active Last, RunStatus Status, string? Reason, Artifact[] Artifacts, string StateHash, DateTimeOffset EndedAt)
        : Known(Last.Id, Last.Plan, Last.Graph, Last.Workspace, Last.StartedBy, Last.StartedAt, Last.TraceId, Last.Tasks, Last.Queue, Last.Dispatched, Last.IsPaused);

    /// <summary>Folds a fact; it already happened, so it is never refused.</summary>
    public static Run Evolve(Run run, RunEvent fact) => (run, fact) switch
    {
        (NotStarted, RunEvent.RunStarted f) => Start(f),
        (Active a, RunEvent.TaskAssigned f) => a.Move(f.Task, TaskState.Assigned, t => t with { Attempt = f.Attempt, Worker = f.Worker, Reason = null, StartedAt = f.At, EndedAt = null }, r => r.Enqueue(f.Task)),
        (Active a, RunEvent.TaskApprovalAsked f) => a.Move(f.Task, TaskState.WaitingApproval, t => t with { Request = f.Request, CallHash = f.CallHash }),
        (Active a, RunEvent.TaskApproved f) => a.Move(f.Task, TaskState.Assigned, t => t with { Request = null, CallHash = null, ApprovedBy = f.By }, r => r.ToTail(f.Task)),
        (Active a, RunEvent.TaskStarted f) when a.IsAt(f.Task, f.Attempt) => a.Move(f.Task, TaskState.Running, t => t with { StartedAt = f.At }),
        (Active a, RunEvent.TaskHeld f) when a.IsAt(f.Task, f.Attempt) => a.Move(f.Task, TaskState.WaitingApproval, t => t with { Request = f.Request, Reason = f.Reason }),
        (Active a, RunEvent.TaskReleased f) when a.IsAt(f.Task, f.Attempt) => a.Move(f.Task, TaskState.Running, t => t with { Request = null, Reason = null }, r => r.ToTail(f.Task)),
        (Active a, RunEvent.TaskVerifying f) when a.IsAt(f.Task, f.Attempt) => a.Move(f.Task, TaskState.Verifying, t => t),
        (Active a, RunEvent.AttemptSettled f) when a.IsAt(f.Task, f.Attempt) => a.Change(f.Task, t => t with { Settled = f.Result, Tokens = t.Tokens + f.Result.Tokens }),
        (Active a, RunEvent.TaskSucceeded f) => a.Move(f.Task, TaskState.Succeeded, t => t with { Artifacts = f.Artifacts, Settled = null, EndedAt = f.At, Request = null, Reason = null }, r => r.Dequeue(f.Task).WithReady()),
        (Active a, RunEvent.TaskFailed f) => a.Move(f.Task, TaskState.Failed, t => t with { Reason = f.Reason, Settled = null, EndedAt = f.At, Request = null }, r => r.Dequeue(f.Task)),
        (Active a, RunEvent.TaskRetrying f) => a.Move(f.Task, TaskState.Retrying, t => t with { Attempt = f.Attempt, Worker = f.Worker }, r => r.Enqueue(f.Task)),
        (Active a, RunEvent.TaskDeadLettered f) => a.Move(f.Task, TaskState.DeadLettered, t => t with { Reason = f.Reason, EndedAt = f.At }),
        (Active a, RunEvent.TaskSkipped f) => a.Move(f.Task, TaskState.Skipped, t => t with { Reason = f.Reason, EndedAt = f.At }),
        (Active a, RunEvent.TaskCancelled f) => a.Move(f.Task, TaskState.Cancelled, t => t with { EndedAt = f.At }, r => r.Dequeue(f.Task)),
        (Active a, RunEvent.RunPaused) => a with { IsPaused = true },
        (Active a, RunEvent.RunResumed) => a with { IsPaused = false },
        (Active a, RunEvent.RunEnded f) => new Ended(a, f.Status, f.Reason, f.Artifacts, f.StateHash, f.At),
        _ => run,
    };

    private static Active Start(RunEvent.RunStarted f)
    {
        var graph = PlanGraph.Of(f.Plan);
        var tasks = graph.Ids.ToImmutableDictionary(id => id, _ => TaskProgress.New, StringComparer.Ordinal);
        return new Active(f.Id, f.Plan, graph, f.Workspace, f.StartedBy, f.At, f.TraceId, tasks, [], [], IsPaused: false).WithReady();
    }
}

/// <summary>Where a task is.</summary>
/// <param name="State">Its state.</param>
/// <param name="Attempt">The attempt it is at, from 1; 0 before the first.</param>
/// <param name="Worker">Who has or had it.</param>
/// <param name="Reason">Why it failed, waits or was skipped.</param>
/// <param name="Request">The request it waits for.</param>
/// <param name="CallHash">What that request is bound to.</param>
/// <param name="ApprovedBy">Who let it start.</param>
/// <param name="Settled">A result that has not taken effect yet.</param>
/// <param name="Tokens">Model tokens of all attempts.</param>
/// <param name="Artifacts">Files it wrote.</param>
/// <param name="StartedAt">When its latest attempt began.</param>
/// <param name="EndedAt">When it ended.</param>
public sealed record TaskProgress(
    TaskState State,
    int Attempt,
    string? Worker,
    string? Reason,
    RequestId? Request,
    string? CallHash,
    string? ApprovedBy,
    AttemptResult? Settled,
    long Tokens,
    Artifact[] Artifacts,
    DateTimeOffset? StartedAt,
    DateTimeOffset? EndedAt)
{
    /// <summary>Before anything happened.</summary>
    public static TaskProgress New { get; } = new(TaskState.Pending, 0, null, null, null, null, null, null, 0, [], null, null);
}
