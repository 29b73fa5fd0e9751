using System.Text.Json;
using AgentPlatform.Contracts;
using AgentPlatform.EventStore;
using AgentPlatform.Orchestrator.Runs;

namespace AgentPlatform.Orchestrator.Attempts;

/// <summary>Everything that can happen to one attempt of one task.</summary>
public abstract record AttemptEvent
{
    private AttemptEvent()
    {
    }

    /// <summary>A worker took the task.</summary>
    [StoredAs("attempt-started.1")]
    public sealed record AttemptStarted(RunId Run, string Task, int Attempt, WorkspaceId Workspace, PlanTask Plan, string Role, DateTimeOffset At, DateTimeOffset Deadline) : AttemptEvent;

    /// <summary>Nobody waits for the attempt any more, and it has not begun: it never will.</summary>
    [StoredAs("attempt-called-off.1")]
    public sealed record AttemptCalledOff(string Reason, DateTimeOffset At) : AttemptEvent;

    /// <summary>The model is asked for a step.</summary>
    [StoredAs("model-asked.1")]
    public sealed record ModelAsked(int Step, DateTimeOffset At) : AttemptEvent;

    /// <summary>The model answered; with tool calls the loop goes on, without it ends.</summary>
    [StoredAs("model-answered.1")]
    public sealed record ModelAnswered(int Step, string? Text, ModelToolCall[] Calls, long InputTokens, long OutputTokens, string? FinishReason, DateTimeOffset At) : AttemptEvent;

    /// <summary>A tool is wanted.</summary>
    [StoredAs("tool-wanted.1")]
    public sealed record ToolWanted(int Step, InvocationId Invocation, string? CallId, string Tool, JsonElement Arguments, DateTimeOffset At) : AttemptEvent;

    /// <summary>The tool call ended.</summary>
    [StoredAs("tool-settled.1")]
    public sealed record ToolSettled(int Step, InvocationId Invocation, ToolOutcome Outcome, DateTimeOffset At) : AttemptEvent;

    /// <summary>The work is done; its acceptance checks were sent to the tool that verifies them.</summary>
    [StoredAs("checks-wanted.1")]
    public sealed record ChecksWanted(InvocationId Invocation, DateTimeOffset At) : AttemptEvent;

    /// <summary>The end of the attempt.</summary>
    [StoredAs("attempt-ended.1")]
    public sealed record AttemptEnded(AttemptResult Result, string? Text, DateTimeOffset At) : AttemptEvent;
}

/// <summary>A tool call that a model asks for.</summary>
/// <param name="Id">The model's own id of the call.</param>
/// <param name="Name">The tool as the model names it.</param>
/// <param name="Arguments">JSON text as the model wrote it; it may be no JSON at all.</param>
public sealed record ModelToolCall(string Id, string Name, string Arguments);
