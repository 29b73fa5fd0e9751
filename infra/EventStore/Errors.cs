namespace AgentPlatform.EventStore;

/// <summary>Somebody else appended first: load again, decide again. Nothing was written and no position was drawn.</summary>
/// <param name="message">Which stream, what was expected, what is there.</param>
/// <param name="inner">The database's own words.</param>
public sealed class StreamConflictException(string message, Exception? inner = null) : Exception(message, inner);

/// <summary>The stream was archived; it takes no more events.</summary>
/// <param name="message">Which stream.</param>
/// <param name="inner">The database's own words.</param>
public sealed class StreamArchivedException(string message, Exception? inner = null) : Exception(message, inner);

/// <summary>The store holds an event whose stored name nobody registered.</summary>
/// <param name="name">The stored name.</param>
public sealed class UnknownEventTypeException(string name)
    : Exception($"No event type or upcaster is registered for the stored name '{name}'; a newer version of this service wrote it, or its registration was removed");

/// <summary>A command with the same id took effect before; nothing was written. Read what it did and answer the same again.</summary>
/// <param name="message">Which command.</param>
/// <param name="inner">The database's own words.</param>
public sealed class DuplicateCommandException(string message, Exception? inner = null) : Exception(message, inner);
