using AgentPlatform.Contracts;
using AgentPlatform.Messaging;

namespace AgentPlatform.Orchestrator.Attempts;

/// <summary>A tool call ended: the task's own, one of an agent's step, or the one that verifies.</summary>
public static class WhenToolCallSettled
{
    public static (AttemptEvent[] Facts, object[] Outgoing) Handle(ToolCallSettled message, Attempt attempt, MessageContext context)
    {
        ArgumentNullException.ThrowIfNull(message);
        ArgumentNullException.ThrowIfNull(context);
        if (attempt is not Attempt.Working working)
        {
            return ([], []);   // The attempt ended while the tool was still working.
        }

        if (working.Checks == message.Invocation)
        {
            return Verified(working, message.Outcome, context.Now);
        }

        if (!working.Open.Contains(message.Invocation))
        {
            return ([], []);
        }

        var settled = new AttemptEvent.ToolSettled(working.AskedStep, message.Invocation, message.Outcome, context.Now);
        var after = (Attempt.Working)Attempt.Evolve(working, settled);
        var (facts, outgoing) = after.About.Plan.Agent is null ? ToolTask(after, message.Outcome, context.Now) : AgentLoop.AfterTools(after, context.Now);
        return ([settled, .. facts], outgoing);
    }

    public static (AttemptEvent[] Facts, object[] Outgoing) Handle(ToolCallHeld message, Attempt attempt, MessageContext context)
    {
        ArgumentNullException.ThrowIfNull(message);
        return attempt is Attempt.Working working && working.Open.Contains(message.Invocation)
            ? ([], [new AttemptProgressed(working.About.Run, working.About.Task, working.About.Attempt, AttemptPhase.Held, message.Request, message.Reason)])
            : ([], []);
    }

    private static (AttemptEvent[] Facts, object[] Outgoing) ToolTask(Attempt.Working working, ToolOutcome outcome, DateTimeOffset now) =>
        outcome.Status == ToolOutcomeStatus.Completed
            ? EndAttempt.Done(working, text: null, now)
            : EndAttempt.Failed(working, now, outcome.Error?.Class ?? outcome.Status.ToString(), Reason(outcome), outcome.Error?.Retryable ?? false);

    private static (AttemptEvent[] Facts, object[] Outgoing) Verified(Attempt.Working working, ToolOutcome outcome, DateTimeOffset now)
    {
        var settled = new AttemptEvent.ToolSettled(working.AskedStep, working.Checks!.Value, outcome, now);
        var after = (Attempt.Working)Attempt.Evolve(working, settled) with { Checks = null };
        var (facts, outgoing) = outcome.Status == ToolOutcomeStatus.Completed
            ? EndAttempt.Succeeded(after, text: null, now)
            : EndAttempt.Failed(after, now, "not_verified", $"the result does not pass its checks: {Reason(outcome)}", retryable: true);
        return ([settled, .. facts], outgoing);
    }

    private static string Reason(ToolOutcome outcome) => outcome.Error?.Message ?? $"the tool call ended as {outcome.Status}";
}
