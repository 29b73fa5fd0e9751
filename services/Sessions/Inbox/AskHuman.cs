using AgentPlatform.Contracts;
using AgentPlatform.Messaging;

namespace AgentPlatform.Sessions.Inbox;

/// <summary>Puts a request into the inbox. Asked twice is one request, and the first wording stands: it is what a human may have read already.</summary>
public static class AskHuman
{
    /// <summary>Who needs more than this many does not want an answer.</summary>
    public const int ApprovalsMax = 10;

    public static (HumanRequestEvent[] Facts, object[] Outgoing) Handle(RequestDecision message, HumanRequest request, MessageContext context)
    {
        if (request is not HumanRequest.Unknown)
        {
            return ([], []);
        }
        var asked = new HumanRequestEvent.Asked(
            message.Request, message.Kind, message.Title, message.Detail, message.CallHash, message.Run, message.Task, message.AskedBy, context.Now, message.ExpiresAt,
            Math.Clamp(message.Approvals, 1, ApprovalsMax), message.EscalatesAt);
        object[] outgoing = new HumanRequest.Pending(asked, []).NextLook is { } next ? [ExpireRequest.At(message.Request, next, context.Now)] : [];
        return ([asked], outgoing);
    }
}
