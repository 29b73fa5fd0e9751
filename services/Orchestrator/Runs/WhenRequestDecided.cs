using AgentPlatform.Contracts;
using AgentPlatform.Messaging;
using AgentPlatform.Orchestrator.Attempts;

namespace AgentPlatform.Orchestrator.Runs;

/// <summary>A human decided. A decision about a tool call goes to ToolGateway; here only the ones that a task itself waits for count.</summary>
public static class WhenRequestDecided
{
    public static (RunEvent[] Facts, object[] Outgoing) Handle(RequestDecided message, Run run, MessageContext context)
    {
        if (run is not Run.Active active || message.Task is not { } id || !active.Tasks.TryGetValue(id, out var task) || task.State != TaskState.WaitingApproval || task.Request != message.Request || task.Settled is not null)
        {
            return ([], []);
        }

        if (task.CallHash is null)
        {
            return Progress.After(active, context.Now, [new RunEvent.TaskReleased(id, task.Attempt, context.Now)]);
        }

        if (message.Decision == Decision.Approve && message.CallHash == task.CallHash)
        {
            var plan = active.Graph.Tasks[id];
            return Progress.After(
                active,
                context.Now,
                [new RunEvent.TaskApproved(id, message.DecidedBy, message.Comment, context.Now)],
                new StartAttempt(active.Id, id, task.Attempt, active.Workspace, plan, Scheduler.RoleOf(plan), active.Plan.Name));
        }

        var reason = message.Decision switch
        {
            Decision.Deny => $"{message.DecidedBy} said no{(message.Comment is { Length: > 0 } comment ? $": {comment}" : string.Empty)}",
            Decision.Expired => "nobody approved it in time",
            _ => "the approval was for something else than what was asked",
        };
        return Progress.After(active, context.Now, [new RunEvent.AttemptSettled(id, task.Attempt, new AttemptResult(Succeeded: false, [], "denied", reason, Retryable: false, 0), context.Now)]);
    }
}
