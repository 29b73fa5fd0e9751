using AgentPlatform.Contracts;
using AgentPlatform.Orchestrator.Runs;

namespace AgentPlatform.Orchestrator.Attempts;

/// <summary>A worker takes a task. Sent by the run, with everything the attempt needs, so that an attempt never reads its run.</summary>
[Command(ServiceNames.Orchestrator, "start-attempt")]
public sealed record StartAttempt(RunId Run, string Task, int Attempt, WorkspaceId Workspace, PlanTask Plan, string Role, string PlanName) : ICommand;

/// <summary>Nobody waits for the attempt any more.</summary>
[Command(ServiceNames.Orchestrator, "cancel-attempt")]
public sealed record CancelAttempt(RunId Run, string Task, int Attempt, string Reason) : ICommand;

/// <summary>The attempt's time is up; looks at the state, so that nobody has to cancel it.</summary>
[Command(ServiceNames.Orchestrator, "attempt-overdue")]
public sealed record AttemptOverdue(RunId Run, string Task, int Attempt) : ICommand;

/// <summary>Asks the model for the next step of an agent.</summary>
[Command(ServiceNames.Orchestrator, "call-model")]
public sealed record CallModel(RunId Run, string Task, int Attempt, int Step) : ICommand;

/// <summary>Where an attempt is.</summary>
public enum AttemptPhase
{
    /// <summary>The worker is at it.</summary>
    Started,

    /// <summary>A tool call waits for a human.</summary>
    Held,

    /// <summary>Its checks run.</summary>
    Verifying,
}

/// <summary>News of an attempt for its run.</summary>
[Command(ServiceNames.Orchestrator, "attempt-progressed")]
public sealed record AttemptProgressed(RunId Run, string Task, int Attempt, AttemptPhase Phase, RequestId? Request, string? Reason) : ICommand;

/// <summary>The result of an attempt for its run.</summary>
[Command(ServiceNames.Orchestrator, "settle-attempt")]
public sealed record SettleAttempt(RunId Run, string Task, int Attempt, AttemptResult Result) : ICommand;
