using System.Text.Json;

namespace AgentPlatform.Contracts;

/// <summary>Hands events of one service's store to Audit, in the order of that store; told twice is recorded once.</summary>
/// <param name="Service">Whose events.</param>
/// <param name="AfterSequence">The sequence of the event before the first one here, or 0: a gap shows at once.</param>
/// <param name="Facts">The events, ascending by sequence.</param>
[Command(ServiceNames.Audit, "record-facts")]
public sealed record RecordFacts(string Service, long AfterSequence, RecordedFact[] Facts) : ICommand;

/// <summary>One event of a service's store, as stored.</summary>
/// <param name="Sequence">Its position in that store (<c>mt_events.seq_id</c>).</param>
/// <param name="EventId">Its id.</param>
/// <param name="Stream">Its stream.</param>
/// <param name="Version">Its version within the stream.</param>
/// <param name="Type">The stored type name.</param>
/// <param name="At">When it was stored.</param>
/// <param name="Correlation">The run, if any.</param>
/// <param name="Causation">The message that caused it, if any.</param>
/// <param name="Data">The event's own JSON, as it is in the store.</param>
public sealed record RecordedFact(
    long Sequence,
    Guid EventId,
    string Stream,
    long Version,
    string Type,
    DateTimeOffset At,
    string? Correlation,
    string? Causation,
    JsonElement Data);
