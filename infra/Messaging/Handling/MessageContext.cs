using AgentPlatform.Contracts;
using AgentPlatform.EventStore;

namespace AgentPlatform.Messaging;

/// <summary>What a handler may know about the message it got.</summary>
/// <param name="Envelope">The envelope, with id, correlation and causation.</param>
/// <param name="Delivered">How often JetStream delivered it, from 1.</param>
/// <param name="Now">The moment handling began; handlers take their clock from here.</param>
public sealed record MessageContext(CloudEvent Envelope, int Delivered, DateTimeOffset Now)
{
    internal string Handler { get; init; } = string.Empty;

    /// <summary>Whether a unit of work that completed the message was stored.</summary>
    internal bool IsCompleted { get; private set; }

    /// <summary>Ties a unit of work to this message: correlation and causation go along, and the inbox entry makes it happen once.</summary>
    /// <param name="session">The last unit of work of the handler, the one that completes the message.</param>
    public void Complete(IPostgresSession session)
    {
        Follow(session);
        session.Guard(Inbox.Taken, new Inbox.Mark(Envelope, Handler));
        session.AfterCommit(() => IsCompleted = true);
    }

    /// <summary>Correlation and causation go along, but the message is not completed by this unit of work.</summary>
    /// <param name="session">A unit of work on the way.</param>
    public void Follow(IEventSession session)
    {
        ArgumentNullException.ThrowIfNull(session);
        session.CorrelationId = Envelope.CorrelationId;
        session.CausationId = Envelope.Id;
    }
}
