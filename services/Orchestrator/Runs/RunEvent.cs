using AgentPlatform.Contracts;
using AgentPlatform.EventStore;

namespace AgentPlatform.Orchestrator.Runs;

/// <summary>Everything that can happen to a run.</summary>
public abstract record RunEvent
{
    private RunEvent()
    {
    }

    /// <summary>The plan was valid and the run began. Tasks are as the author wrote them, plus the one that verifies the artifacts.</summary>
    [StoredAs("run-started.1")]
    public sealed record RunStarted(RunId Id, Plan Plan, WorkspaceId Workspace, string StartedBy, DateTimeOffset At, string? TraceId) : RunEvent;

    /// <summary>A ready task was given to a worker. The order of these events is the dispatch order.</summary>
    [StoredAs("task-assigned.1")]
    public sealed record TaskAssigned(string Task, int Attempt, string Worker, DateTimeOffset At) : RunEvent;

    /// <summary>The task may only start when a human says yes.</summary>
    [StoredAs("task-approval-asked.1")]
    public sealed record TaskApprovalAsked(string Task, RequestId Request, string CallHash, DateTimeOffset At) : RunEvent;

    /// <summary>A human said yes.</summary>
    [StoredAs("task-approved.1")]
    public sealed record TaskApproved(string Task, string By, string? Comment, DateTimeOffset At) : RunEvent;

    /// <summary>The worker is at it.</summary>
    [StoredAs("task-started.1")]
    public sealed record TaskStarted(string Task, int Attempt, DateTimeOffset At) : RunEvent;

    /// <summary>A tool call of the task waits for a human.</summary>
    [StoredAs("task-held.1")]
    public sealed record TaskHeld(string Task, int Attempt, RequestId Request, string Reason, DateTimeOffset At) : RunEvent;

    /// <summary>The tool call that waited goes on.</summary>
    [StoredAs("task-released.1")]
    public sealed record TaskReleased(string Task, int Attempt, DateTimeOffset At) : RunEvent;

    /// <summary>The work is done, its acceptance checks run.</summary>
    [StoredAs("task-verifying.1")]
    public sealed record TaskVerifying(string Task, int Attempt, DateTimeOffset At) : RunEvent;

    /// <summary>An attempt told its result. It takes effect when the results before it in dispatch order have.</summary>
    [StoredAs("attempt-settled.1")]
    public sealed record AttemptSettled(string Task, int Attempt, AttemptResult Result, DateTimeOffset At) : RunEvent;

    /// <summary>Done and verified.</summary>
    [StoredAs("task-succeeded.1")]
    public sealed record TaskSucceeded(string Task, int Attempt, Artifact[] Artifacts, DateTimeOffset At) : RunEvent;

    /// <summary>An attempt failed.</summary>
    [StoredAs("task-failed.1")]
    public sealed record TaskFailed(string Task, int Attempt, string Class, string Reason, DateTimeOffset At) : RunEvent;

    /// <summary>It is tried again after a pause.</summary>
    [StoredAs("task-retrying.1")]
    public sealed record TaskRetrying(string Task, int Attempt, string Worker, TimeSpan Delay, DateTimeOffset At) : RunEvent;

    /// <summary>No attempt is left.</summary>
    [StoredAs("task-dead-lettered.1")]
    public sealed record TaskDeadLettered(string Task, string Reason, DateTimeOffset At) : RunEvent;

    /// <summary>Something it needs did not succeed.</summary>
    [StoredAs("task-skipped.1")]
    public sealed record TaskSkipped(string Task, string Reason, DateTimeOffset At) : RunEvent;

    /// <summary>The run was stopped before the task ended.</summary>
    [StoredAs("task-cancelled.1")]
    public sealed record TaskCancelled(string Task, DateTimeOffset At) : RunEvent;

    /// <summary>Nothing new is dispatched until it is resumed.</summary>
    [StoredAs("run-paused.1")]
    public sealed record RunPaused(string By, DateTimeOffset At) : RunEvent;

    /// <summary>Goes on.</summary>
    [StoredAs("run-resumed.1")]
    public sealed record RunResumed(string By, DateTimeOffset At) : RunEvent;

    /// <summary>The end.</summary>
    [StoredAs("run-ended.1")]
    public sealed record RunEnded(RunStatus Status, string? Reason, Artifact[] Artifacts, string StateHash, DateTimeOffset At) : RunEvent;
}

/// <summary>What an attempt came to.</summary>
/// <param name="Succeeded">Whether the task is done and verified.</param>
/// <param name="Artifacts">Files it wrote or checked.</param>
/// <param name="Class">Why not: a stable word.</param>
/// <param name="Reason">Why not: for people.</param>
/// <param name="Retryable">Whether another attempt may succeed.</param>
/// <param name="Tokens">Model tokens spent.</param>
public sealed record AttemptResult(bool Succeeded, Artifact[] Artifacts, string? Class, string? Reason, bool Retryable, long Tokens);
