using AgentPlatform.Contracts;
using AgentPlatform.Messaging;

namespace AgentPlatform.Sessions.Inbox;

/// <summary>A message of the inbox to itself: look whether the request has been answered by now, and let it go to the owner, or end, if not.</summary>
[Command(ServiceNames.Sessions, "expire-request")]
public sealed record ExpireRequest(RequestId Request) : ICommand
{
    public static Scheduled At(RequestId request, DateTimeOffset end, DateTimeOffset now) =>
        new ExpireRequest(request).In(end > now ? end - now : TimeSpan.Zero);
}

/// <summary>Silence goes to the owner, where that was asked for, and becomes a no, never a yes.</summary>
public static class WhenRequestIsOverdue
{
    public static (HumanRequestEvent[] Facts, object[] Outgoing) Handle(ExpireRequest message, HumanRequest request, MessageContext context) => request switch
    {
        HumanRequest.Pending p when p.IsOverdue(context.Now) => ([new HumanRequestEvent.Expired(context.Now)], [RequestPublisher.Expired(p.Question, context.Now)]),
        HumanRequest.Pending { EscalatedAt: null } p when p.IsForOwner(context.Now) => Escalate(p, context.Now),
        // The clocks of two machines differ: the message came early.
        HumanRequest.Pending { NextLook: { } next } => ([], [ExpireRequest.At(message.Request, next, context.Now)]),
        _ => ([], []),
    };

    private static (HumanRequestEvent[] Facts, object[] Outgoing) Escalate(HumanRequest.Pending request, DateTimeOffset now) =>
        ([new HumanRequestEvent.Escalated(now)], request.Question.ExpiresAt is { } end ? [ExpireRequest.At(request.Question.Id, end, now)] : []);
}
