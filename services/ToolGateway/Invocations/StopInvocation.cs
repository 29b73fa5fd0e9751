using AgentPlatform.Contracts;
using AgentPlatform.Messaging;

namespace AgentPlatform.ToolGateway.Invocations;

/// <summary>Stops a call that nobody waits for: at once when it has not started, else by stopping its tool wherever that runs.</summary>
internal sealed class StopInvocation(DecisionWriter writer, RunningCalls running)
{
    public async Task Handle(CancelInvocation message, MessageContext context, CancellationToken ct)
    {
        await writer.Write(Invocation.Kind, message.Invocation.ToString(), known => Decide(message, known, context.Now), context.Complete, ct);
        running.Cancel(message.Invocation);
    }

    internal static (InvocationEvent[] Facts, object[] Outgoing) Decide(CancelInvocation command, Invocation known, DateTimeOffset now)
    {
        switch (known)
        {
            case Invocation.Waiting or Invocation.Allowed:
                var open = (Invocation.Known)known;
                var outcome = RequestInvocation.Failure(ToolOutcomeStatus.Cancelled, new ToolError("cancelled", command.Reason, Retryable: false));
                object[] withdrawn = known is Invocation.Waiting { Asked: { } asked } ? [new WithdrawRequest(asked, command.Reason)] : [];
                return ([new InvocationEvent.Settled(0, outcome, now)], [RequestInvocation.Answer(open.Request.Call, outcome), .. withdrawn]);
            case Invocation.Running { CancelReason: null }:
                return ([new InvocationEvent.CancelAsked(command.Reason, now)], []);
            default:
                return ([], []);
        }
    }
}
