namespace AgentPlatform.Messaging;

/// <summary>The moments between two steps of produce → relay → consume → effect at which a process can die; tests let it die at each.</summary>
public enum FaultPoint
{
    /// <summary>Facts and messages are decided; nothing is stored.</summary>
    Decided,

    /// <summary>Facts and messages are stored; nobody was woken or told.</summary>
    Stored,

    /// <summary>The relay numbered messages; nothing was published.</summary>
    Numbered,

    /// <summary>Messages are on the wire; no acknowledgement was awaited.</summary>
    Published,

    /// <summary>JetStream has the messages; the database does not know.</summary>
    Acknowledged,

    /// <summary>The database knows that JetStream has the messages.</summary>
    Marked,

    /// <summary>A delivery arrived; no handler saw it.</summary>
    Delivered,

    /// <summary>The handler returned and its effect is stored; JetStream does not know.</summary>
    Handled,

    /// <summary>JetStream was told, over a connection that may not have carried it yet.</summary>
    Confirmed,

    /// <summary>A message is among the dead letters; JetStream does not know.</summary>
    Buried,

    /// <summary>A receiver found that messages are missing; it has not asked.</summary>
    Missed,

    /// <summary>The sender was asked for messages and has read them; nothing was published.</summary>
    Remembered,

    /// <summary>JetStream has the messages again; the receiver that asked does not know.</summary>
    Resent,

    /// <summary>A receiver knows up to where it is done; it has not stored that.</summary>
    Settled,

    /// <summary>JetStream has facts for Audit; the database does not know.</summary>
    FactsAcknowledged,

    /// <summary>The database knows that JetStream has the facts.</summary>
    FactsKept,

    /// <summary>A process has the lease to look into a suspected stream; it has not looked.</summary>
    Suspected,

    /// <summary>A stream is proven broken; it is not deleted.</summary>
    Condemned,

    /// <summary>A broken stream is deleted; nobody made it anew.</summary>
    Demolished,
}

/// <summary>Called at every <see cref="FaultPoint"/>; does nothing unless a test says otherwise.</summary>
public sealed class FaultPoints
{
    internal Func<FaultPoint, Task>? Reached { get; init; }

    internal Task Reach(FaultPoint point) => Reached?.Invoke(point) ?? Task.CompletedTask;
}
