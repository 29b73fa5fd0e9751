using AgentPlatform.EventStore;
using Microsoft.Extensions.Logging;

namespace AgentPlatform.Messaging;

/// <summary>Load, fold, decide, append with the expected version, outbox — one transaction, tried again when somebody else was faster.</summary>
/// <param name="store">The store.</param>
/// <param name="outgoing">The outbox.</param>
/// <param name="options">How often a conflict is tried again.</param>
/// <param name="faults">For tests.</param>
/// <param name="log">One line per decision that stored facts: the service's diary.</param>
public sealed partial class DecisionWriter(PostgresEventStore store, Outgoing outgoing, MessagingOptions options, FaultPoints faults, ILogger<DecisionWriter> log)
{
    /// <summary>Decides on one stream.</summary>
    /// <typeparam name="TState">The state.</typeparam>
    /// <typeparam name="TEvent">Its facts.</typeparam>
    /// <param name="kind">The kind of stream.</param>
    /// <param name="id">The thing's id.</param>
    /// <param name="decide">Pure: state in; facts and outgoing messages out. Called again after a conflict.</param>
    /// <param name="prepare">Sets correlation, marks the inbox, enlists more.</param>
    /// <param name="ct">Cancels.</param>
    /// <returns>The state after the facts, and its version.</returns>
    /// <exception cref="StreamConflictException">Lost <see cref="MessagingOptions.ConflictsMax"/> races in a row.</exception>
    public Task<(TState State, long Version)> Write<TState, TEvent>(
        StreamKind<TState, TEvent> kind, string id, Func<TState, (TEvent[] Facts, object[] Outgoing)> decide, Action<IPostgresSession> prepare, CancellationToken ct)
        where TState : class
        where TEvent : class
    {
        ArgumentNullException.ThrowIfNull(decide);
        return Write(kind, id, (_, state, _) => Task.FromResult(decide(state)), prepare, ct);
    }

    /// <summary>Decides on one stream with a look at others, which may get facts in the same unit of work.</summary>
    /// <typeparam name="TState">The state.</typeparam>
    /// <typeparam name="TEvent">Its facts.</typeparam>
    /// <param name="kind">The kind of stream.</param>
    /// <param name="id">The thing's id.</param>
    /// <param name="decide">Unit of work and state in; facts and outgoing messages out. Called again, with a new unit of work, after a conflict on any of its streams.</param>
    /// <param name="prepare">Sets correlation, marks the inbox, enlists more.</param>
    /// <param name="ct">Cancels.</param>
    /// <returns>The state after the facts, and its version.</returns>
    /// <exception cref="StreamConflictException">Lost <see cref="MessagingOptions.ConflictsMax"/> races in a row.</exception>
    public async Task<(TState State, long Version)> Write<TState, TEvent>(
        StreamKind<TState, TEvent> kind, string id, Func<IEventSession, TState, CancellationToken, Task<(TEvent[] Facts, object[] Outgoing)>> decide, Action<IPostgresSession> prepare,
        CancellationToken ct)
        where TState : class
        where TEvent : class
    {
        ArgumentNullException.ThrowIfNull(decide);
        ArgumentNullException.ThrowIfNull(prepare);
        for (var conflicts = 0; ; conflicts++)
        {
            var session = store.Open();
            var stream = await session.FetchForWriting(kind, id, ct);
            var (facts, messages) = await decide(session, stream.State, ct);
            stream.Append(facts);
            prepare(session);
            outgoing.Send(session, messages);
            await faults.Reach(FaultPoint.Decided);
            try
            {
                await session.SaveChanges(ct);
                await faults.Reach(FaultPoint.Stored);
                if (facts.Length > 0 && log.IsEnabled(LogLevel.Information))
                {
                    Stored(stream.StreamId, stream.Version + facts.Length, string.Join(", ", facts.Select(f => f.GetType().Name)));
                }

                return (stream.State, stream.Version + facts.Length);
            }
            catch (StreamConflictException) when (conflicts < options.ConflictsMax)
            {
                // Somebody else decided first; what they decided may change what we decide.
            }
        }
    }

    [LoggerMessage(2301, LogLevel.Information, "{Stream} is at {Version}: {Facts}")]
    private partial void Stored(string stream, long version, string facts);
}
