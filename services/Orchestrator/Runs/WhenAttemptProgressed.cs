using AgentPlatform.Contracts;
using AgentPlatform.Messaging;
using AgentPlatform.Orchestrator.Attempts;

namespace AgentPlatform.Orchestrator.Runs;

/// <summary>What attempts tell their run. News of an attempt that the run has left behind is ignored: the attempt number is the fencing token.</summary>
public static class WhenAttemptProgressed
{
    public static (RunEvent[] Facts, object[] Outgoing) Handle(AttemptProgressed message, Run run, MessageContext context)
    {
        // News that a result has overtaken is none any more: a late "held" would make a settled task wait for ever.
        if (run is not Run.Active active || !active.IsAt(message.Task, message.Attempt) || active.Tasks[message.Task].Settled is not null)
        {
            return ([], []);
        }

        var state = active.Tasks[message.Task].State;
        return message.Phase switch
        {
            AttemptPhase.Started when TaskMoves.IsLegal(state, TaskState.Running) && state != TaskState.WaitingApproval =>
                ([new RunEvent.TaskStarted(message.Task, message.Attempt, context.Now)], []),
            AttemptPhase.Verifying when TaskMoves.IsLegal(state, TaskState.Verifying) => ([new RunEvent.TaskVerifying(message.Task, message.Attempt, context.Now)], []),

            // A result behind it in the queue need not wait for the human any more.
            AttemptPhase.Held when TaskMoves.IsLegal(state, TaskState.WaitingApproval) =>
                Progress.After(active, context.Now, [new RunEvent.TaskHeld(message.Task, message.Attempt, message.Request!.Value, message.Reason ?? "policy asks", context.Now)]),
            _ => ([], []),
        };
    }

    public static (RunEvent[] Facts, object[] Outgoing) Handle(SettleAttempt message, Run run, MessageContext context)
    {
        if (run is not Run.Active active || !active.IsAt(message.Task, message.Attempt) || active.Tasks[message.Task].Settled is not null || TaskMoves.IsEnd(active.Tasks[message.Task].State))
        {
            return ([], []);
        }

        // What it waited for was decided, and the result came before the news of that; a tool task goes straight to its result without a verifying phase.
        RunEvent[] before = active.Tasks[message.Task].State switch
        {
            TaskState.WaitingApproval => [new RunEvent.TaskReleased(message.Task, message.Attempt, context.Now)],
            TaskState.Assigned or TaskState.Retrying => [new RunEvent.TaskStarted(message.Task, message.Attempt, context.Now)],
            _ => [],
        };
        return Progress.After(active, context.Now, [.. before, new RunEvent.AttemptSettled(message.Task, message.Attempt, message.Result, context.Now)]);
    }
}
