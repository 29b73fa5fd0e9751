using System.Text.Json;
using RestEase;

namespace AgentPlatform.Contracts;

/// <summary>One record of the audit chain.</summary>
/// <param name="Index">Position in the chain, from 1.</param>
/// <param name="Service">Whose event.</param>
/// <param name="Sequence">Its position in that service's store.</param>
/// <param name="Stream">Its stream.</param>
/// <param name="Version">Its version.</param>
/// <param name="Type">Stored type name.</param>
/// <param name="At">When the service stored it.</param>
/// <param name="Correlation">The run.</param>
/// <param name="Hash">SHA-256 (hex) over the record and the hash before it.</param>
/// <param name="Data">The event.</param>
public sealed record AuditRecordView(
    long Index, string Service, long Sequence, string Stream, long Version, string Type, DateTimeOffset At, string? Correlation, string Hash, JsonElement Data);

/// <summary>How much of one service is in Audit.</summary>
/// <param name="Service">The service.</param>
/// <param name="Stored">Events in the service's own store.</param>
/// <param name="Recorded">Of those, present in Audit.</param>
/// <param name="Missing">Ranges of sequences that are in the store but not in Audit, at most 100.</param>
/// <param name="Error">Why the service could not be asked.</param>
public sealed record ParityView(string Service, long Stored, long Recorded, SequenceRange[] Missing, string? Error);

/// <summary>A range of sequences, both ends included.</summary>
/// <param name="From">First.</param>
/// <param name="To">Last.</param>
public sealed record SequenceRange(long From, long To);

/// <summary>The answer to a parity question.</summary>
/// <param name="Complete">Whether everything is there.</param>
/// <param name="Services">Each service.</param>
public sealed record ParityReport(bool Complete, ParityView[] Services);

/// <summary>The answer to a verification.</summary>
/// <param name="Valid">Whether the whole chain holds.</param>
/// <param name="Records">Records walked.</param>
/// <param name="Head">Hash of the last record.</param>
/// <param name="FirstBad">The first record that does not hold.</param>
/// <param name="Reason">What is wrong with it.</param>
public sealed record VerifyReport(bool Valid, long Records, string Head, AuditRecordRef? FirstBad, string? Reason);

/// <summary>Points at a record.</summary>
/// <param name="Index">Position in the chain.</param>
/// <param name="Service">Whose event.</param>
/// <param name="Sequence">Its position in that service's store.</param>
public sealed record AuditRecordRef(long Index, string Service, long Sequence);

/// <summary>What a service says of its own event store, for parity: <c>GET /v1/store/sequences</c> on every service.</summary>
/// <param name="Service">The service.</param>
/// <param name="Count">Committed events.</param>
/// <param name="Ranges">Their sequences as ranges, ascending, from <c>after</c> on, bounded.</param>
/// <param name="Next">Pass as <c>after</c> when there are more ranges.</param>
public sealed record StoreSequences(string Service, long Count, SequenceRange[] Ranges, long? Next);

/// <summary>Audit over HTTP.</summary>
[Header("Accept", "application/json")]
public interface IAuditApi
{
    /// <summary>The bearer token.</summary>
    [Header("Authorization")]
    string Authorization { get; set; }

    /// <summary>Lists records, oldest first.</summary>
    /// <param name="service">Only this service.</param>
    /// <param name="run">Only this run.</param>
    /// <param name="after">Where the page before ended.</param>
    /// <param name="limit">1 to 500.</param>
    /// <param name="ct">Stops waiting.</param>
    [Get("v1/records")]
    Task<Page<AuditRecordView>> ListRecords([Query] string? service = null, [Query] RunId? run = null, [Query] string? after = null, [Query] int? limit = null, CancellationToken ct = default);

    /// <summary>Compares every service's store with Audit.</summary>
    /// <param name="ct">Stops waiting.</param>
    [Get("v1/parity")]
    Task<ParityReport> Parity(CancellationToken ct = default);

    /// <summary>Walks the whole chain.</summary>
    /// <param name="ct">Stops waiting.</param>
    [Post("v1/verify")]
    Task<VerifyReport> Verify(CancellationToken ct = default);
}
