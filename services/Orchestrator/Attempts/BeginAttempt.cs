using AgentPlatform.Contracts;
using AgentPlatform.Messaging;

namespace AgentPlatform.Orchestrator.Attempts;

/// <summary>Begins an attempt: a tool task asks for its tool, an agent task for the model's first step.</summary>
public static class BeginAttempt
{
    /// <summary>How long one attempt may take when the plan does not say.</summary>
    public static readonly TimeSpan TimeoutDefault = TimeSpan.FromMinutes(10);

    public static (AttemptEvent[] Facts, object[] Outgoing) Handle(StartAttempt message, Attempt attempt, MessageContext context)
    {
        ArgumentNullException.ThrowIfNull(message);
        ArgumentNullException.ThrowIfNull(context);
        if (attempt is not Attempt.NotStarted)
        {
            return ([], []);
        }

        var timeout = message.Plan.Timeout ?? TimeoutDefault;
        var started = new AttemptEvent.AttemptStarted(message.Run, message.Task, message.Attempt, message.Workspace, message.Plan, message.Role, context.Now, context.Now + timeout);
        object[] news =
        [
            new AttemptProgressed(message.Run, message.Task, message.Attempt, AttemptPhase.Started, null, null),
            new AttemptOverdue(message.Run, message.Task, message.Attempt).In(timeout),
        ];
        if (message.Plan.Tool is { } tool)
        {
            var wanted = new AttemptEvent.ToolWanted(0, ToolCalls.Id(started, 0, 0), null, tool.Name, tool.Arguments ?? ToolCalls.NoArguments, context.Now);
            return ([started, wanted], [.. news, ToolCalls.Invoke(started, wanted, tool.Idempotent ?? false)]);
        }

        return ([started, new AttemptEvent.ModelAsked(1, context.Now)], [.. news, new CallModel(message.Run, message.Task, message.Attempt, 1)]);
    }
}
