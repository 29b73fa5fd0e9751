using AgentPlatform.Contracts;
using AgentPlatform.Messaging;

namespace AgentPlatform.Sessions.Inbox;

/// <summary>A message of the inbox to itself: look whether the request has been answered by now.</summary>
[Command(ServiceNames.Sessions, "expire-request")]
public sealed record ExpireRequest(RequestId Request) : ICommand
{
    public static Scheduled At(RequestId request, DateTimeOffset end, DateTimeOffset now) =>
        new ExpireRequest(request).In(end > now ? end - now : TimeSpan.Zero);
}

/// <summary>Silence becomes a no, never a yes.</summary>
public static class WhenRequestIsOverdue
{
    public static (HumanRequestEvent[] Facts, object[] Outgoing) Handle(ExpireRequest message, HumanRequest request, MessageContext context) => request switch
    {
        HumanRequest.Pending p when p.IsOverdue(context.Now) => ([new HumanRequestEvent.Expired(context.Now)], [RequestPublisher.Expired(p.Question, context.Now)]),
        // The clocks of two machines differ: the message came early.
        HumanRequest.Pending { Question.ExpiresAt: { } end } => ([], [ExpireRequest.At(message.Request, end, context.Now)]),
        _ => ([], []),
    };
}
