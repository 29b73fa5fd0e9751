namespace AgentPlatform.Messaging;

/// <summary>JetStream said no.</summary>
/// <param name="message">What was asked and what it said.</param>
public sealed class JetStreamException(string message) : Exception(message)
{
    /// <summary>Whether the consumer or its stream is not there, or not yet.</summary>
    public bool IsNotThere => ErrorCode is 10014 or 10059;

    /// <summary>Whether the server misses a file of its own: "store failed" (10077) or "consumer create failed" (10012) for that reason, and not, say, for a full disk.</summary>
    internal bool IsLostFile => ErrorCode is 10077 or 10012 && (Message.Contains("no such file or directory", StringComparison.Ordinal) || Message.Contains("cannot find the", StringComparison.Ordinal));

    /// <summary>JetStream's own error code; 0 when unknown, negative when nobody answered who has codes.</summary>
    public int ErrorCode { get; init; }
}
