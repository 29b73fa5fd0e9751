using System.Buffers;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using AgentPlatform.Contracts;

namespace AgentPlatform.Audit.Chain;

/// <summary>
/// One link of the chain. Its hash covers where it stands, what it is about, the sealed event and the hash before it, so a
/// change anywhere shows here or at the next link. The event is covered as sealed: whoever may not read it can still verify it.
/// </summary>
public sealed record AuditRecord(
    long Index, string Service, long Sequence, Guid EventId, string Stream, long Version, string Type, DateTimeOffset At, string? Correlation, string? Causation, byte[] Sealed, byte[] Hash)
{
    private const int TicksPerMicrosecond = 10;

    /// <summary>The hash before the first record.</summary>
    public static byte[] Genesis { get; } = SHA256.HashData("agentplatform/audit/1"u8);

    /// <summary>What the sealed event is bound to: moved to another place in the chain it does not open.</summary>
    public static string Context(long index, string service, long sequence) => $"{index} {service} {sequence}";

    public static AuditRecord Make(long index, string service, RecordedFact fact, Func<ReadOnlySpan<byte>, string, byte[]> seal, byte[] previous)
    {
        var record = new AuditRecord(
            index, service, fact.Sequence, fact.EventId, fact.Stream, fact.Version, fact.Type, Stored(fact.At), fact.Correlation, fact.Causation,
            seal(Encoding.UTF8.GetBytes(fact.Data.GetRawText()), Context(index, service, fact.Sequence)), Hash: []);
        return record with { Hash = record.ComputeHash(previous) };
    }

    /// <summary>SHA-256 over the canonical form: JSON with these properties, in this order, without white space.</summary>
    public byte[] ComputeHash(ReadOnlySpan<byte> previous)
    {
        var canonical = new ArrayBufferWriter<byte>(512);
        using (var json = new Utf8JsonWriter(canonical))
        {
            json.WriteStartObject();
            json.WriteNumber("index", Index);
            json.WriteString("service", Service);
            json.WriteNumber("sequence", Sequence);
            json.WriteString("eventId", EventId);
            json.WriteString("stream", Stream);
            json.WriteNumber("version", Version);
            json.WriteString("type", Type);
            json.WriteString("at", At.UtcDateTime.ToString("O"));
            json.WriteString("correlation", Correlation);
            json.WriteString("causation", Causation);
            json.WriteString("sealed", Convert.ToHexStringLower(SHA256.HashData(Sealed)));
            json.WriteString("previous", Convert.ToHexStringLower(previous));
            json.WriteEndObject();
        }
        return SHA256.HashData(canonical.WrittenSpan);
    }

    // PostgreSQL keeps microseconds; what is hashed must be what will be read again.
    private static DateTimeOffset Stored(DateTimeOffset at) => new(at.UtcTicks - (at.UtcTicks % TicksPerMicrosecond), TimeSpan.Zero);
}
