using AgentPlatform.Contracts;
using AgentPlatform.Messaging;

namespace AgentPlatform.Sessions.Inbox;

/// <summary>Whoever asked waits no longer. Nobody is told: the one who would be is the one who said it.</summary>
public static class WithdrawFromInbox
{
    public static (HumanRequestEvent[] Facts, object[] Outgoing) Handle(WithdrawRequest message, HumanRequest request, MessageContext context) => request switch
    {
        HumanRequest.Pending => ([new HumanRequestEvent.Withdrawn(message.Reason, context.Now)], []),
        _ => ([], []),
    };
}
