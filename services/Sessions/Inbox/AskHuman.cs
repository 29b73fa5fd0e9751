using AgentPlatform.Contracts;
using AgentPlatform.Messaging;

namespace AgentPlatform.Sessions.Inbox;

/// <summary>Puts a request into the inbox. Asked twice is one request, and the first wording stands: it is what a human may have read already.</summary>
public static class AskHuman
{
    public static (HumanRequestEvent[] Facts, object[] Outgoing) Handle(RequestDecision message, HumanRequest request, MessageContext context)
    {
        if (request is not HumanRequest.Unknown)
        {
            return ([], []);
        }
        var asked = new HumanRequestEvent.Asked(
            message.Request, message.Kind, message.Title, message.Detail, message.CallHash, message.Run, message.Task, message.AskedBy, context.Now, message.ExpiresAt);
        object[] outgoing = message.ExpiresAt is { } end ? [ExpireRequest.At(message.Request, end, context.Now)] : [];
        return ([asked], outgoing);
    }
}
