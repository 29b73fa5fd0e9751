namespace AgentPlatform.Messaging;

/// <summary>Notices consumers that get nothing although messages wait before them and they ask for them: the server cannot read what it stored, or counts wrong.</summary>
/// <param name="options">How long that may be.</param>
/// <param name="time">The clock.</param>
internal sealed class StuckConsumers(MessagingOptions options, TimeProvider time)
{
    private readonly Dictionary<string, (long Delivered, long Since)> _seen = new(StringComparer.Ordinal);

    /// <summary>Whether a consumer is stuck, as far as this look and those before it tell.</summary>
    public bool IsStuck(string consumer, ConsumerState now)
    {
        if (now.Waiting == 0 || !now.HasRoom)
        {
            _seen.Remove(consumer);
            return false;
        }

        // Nobody asks when nobody has room: a slow handler is not a stuck consumer.
        if (now.Pulls == 0 || !_seen.TryGetValue(consumer, out var seen) || seen.Delivered != now.Delivered)
        {
            _seen[consumer] = (now.Delivered, time.GetTimestamp());
            return false;
        }

        return time.GetElapsedTime(seen.Since) >= options.StuckGrace;
    }
}
