using AgentPlatform.Contracts;
using AgentPlatform.Messaging;
using AgentPlatform.Orchestrator.Runs;

namespace AgentPlatform.Orchestrator.Attempts;

/// <summary>The ends of an attempt: done and verified, failed, overdue, cancelled.</summary>
public static class EndAttempt
{
    public static (AttemptEvent[] Facts, object[] Outgoing) Handle(AttemptOverdue message, Attempt attempt, MessageContext context) => attempt is Attempt.Working working
        ? Failed(working, context.Now, "timeout", $"the attempt took longer than {working.About.Plan.Timeout ?? BeginAttempt.TimeoutDefault}; raise 'timeout' of the task if it needs more", retryable: true)
        : ([], []);

    public static (AttemptEvent[] Facts, object[] Outgoing) Handle(CancelAttempt message, Attempt attempt, MessageContext context)
    {
        ArgumentNullException.ThrowIfNull(message);
        return attempt switch
        {
            Attempt.Working working => Failed(working, context.Now, "cancelled", message.Reason, retryable: false),

            // A retry that waits for its pause, or a start that is still on its way, must not begin after the run has ended.
            Attempt.NotStarted => ([new AttemptEvent.AttemptCalledOff(message.Reason, context.Now)], []),
            _ => ([], []),
        };
    }

    internal static (AttemptEvent[] Facts, object[] Outgoing) Failed(Attempt.Working working, DateTimeOffset now, string cause, string reason, bool retryable)
    {
        var result = new AttemptResult(Succeeded: false, [], cause, reason, retryable, working.Tokens);
        object[] cancelled = [.. working.Open.Concat(working.Checks is { } checks ? [checks] : []).Select(open => new CancelInvocation(open, reason))];
        return End(working, result, text: null, now, cancelled);
    }

    /// <summary>The work is done: verify it if the plan says how, else it is settled.</summary>
    internal static (AttemptEvent[] Facts, object[] Outgoing) Done(Attempt.Working working, string? text, DateTimeOffset now)
    {
        if (working.About.Plan.Checks is { Length: > 0 })
        {
            var (fact, message) = ToolCalls.Checks(working.About, now);
            return ([fact], [message, new AttemptProgressed(working.About.Run, working.About.Task, working.About.Attempt, AttemptPhase.Verifying, null, null)]);
        }

        return Succeeded(working, text, now);
    }

    internal static (AttemptEvent[] Facts, object[] Outgoing) Succeeded(Attempt.Working working, string? text, DateTimeOffset now) =>
        End(working, new AttemptResult(Succeeded: true, [.. working.Artifacts.Values], null, null, Retryable: false, working.Tokens), text, now, []);

    private static (AttemptEvent[] Facts, object[] Outgoing) End(Attempt.Working working, AttemptResult result, string? text, DateTimeOffset now, object[] more) =>
        ([new AttemptEvent.AttemptEnded(result, text, now)], [.. more, new SettleAttempt(working.About.Run, working.About.Task, working.About.Attempt, result)]);
}
