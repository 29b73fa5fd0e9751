using System.Data;
using System.Security.Cryptography;
using AgentPlatform.Contracts;
using Npgsql;

namespace AgentPlatform.Audit.Chain;

/// <summary>
/// <c>POST /v1/verify</c>: walks the whole chain and stops at the first record that does not hold.
/// </summary>
/// <remarks>
/// Notices a change, a removal, an insertion and a cut-off end. Does not notice a database set back to an earlier state as a
/// whole, end included: for that the hash of the end must be kept somewhere else, which is why it is in the answer.
/// </remarks>
public static class VerifyChain
{
    public static async Task<VerifyReport> Handle(ChainStore chain, CancellationToken ct)
    {
        await using var connection = await chain.Database.OpenConnectionAsync(ct);
        // One snapshot: records that arrive meanwhile belong to the next verification.
        await using var snapshot = await connection.BeginTransactionAsync(IsolationLevel.RepeatableRead, ct);
        var head = await Head(connection, ct);
        var (walked, previous) = (0L, AuditRecord.Genesis);
        await foreach (var record in ChainStore.Read(connection, new ChainQuery(), ct))
        {
            if (Flaw(chain, record, walked + 1, previous) is { } flaw)
            {
                return Bad(walked, previous, record, flaw);
            }
            (walked, previous) = (record.Index, record.Hash);
        }
        var end = (head, walked) switch
        {
            (null, 0) => null,
            (null, _) => "the mark of the chain's end is missing",
            _ when head.Index != walked => $"the chain ends at record {walked}, its end is marked at {head.Index}",
            _ when !CryptographicOperations.FixedTimeEquals(head.Hash, previous) => "the mark of the chain's end names another hash",
            _ when !CryptographicOperations.FixedTimeEquals(head.Mac, chain.Mac(head.Index, head.Hash)) => "the mark of the chain's end was not written by Audit, or under another master key",
            _ => null,
        };
        return end is null
            ? new VerifyReport(Valid: true, walked, Hex(previous), FirstBad: null, Reason: null)
            : new VerifyReport(Valid: false, walked, Hex(previous), new AuditRecordRef(Math.Min(walked + 1, head?.Index ?? walked), "", 0), end);
    }

    private static string? Flaw(ChainStore chain, AuditRecord record, long expectedIndex, byte[] previous)
    {
        if (record.Index != expectedIndex)
        {
            return $"record {expectedIndex} is missing";
        }
        if (!CryptographicOperations.FixedTimeEquals(record.ComputeHash(previous), record.Hash))
        {
            return "its hash does not follow from its content and the record before it: one of them was changed";
        }
        try
        {
            chain.Open(record);
            return null;
        }
        catch (InvalidOperationException unreadable)
        {
            return unreadable.Message;
        }
    }

    private static VerifyReport Bad(long walked, byte[] previous, AuditRecord record, string reason) =>
        new(Valid: false, walked, Hex(previous), new AuditRecordRef(record.Index, record.Service, record.Sequence), reason);

    private static async Task<ChainHead?> Head(NpgsqlConnection connection, CancellationToken ct)
    {
        await using var command = new NpgsqlCommand("select index, hash, mac from ap_audit_head", connection);
        await using var reader = await command.ExecuteReaderAsync(ct);
        return await reader.ReadAsync(ct) ? new ChainHead(reader.GetInt64(0), reader.GetFieldValue<byte[]>(1), reader.GetFieldValue<byte[]>(2)) : null;
    }

    private static string Hex(byte[] hash) => Convert.ToHexStringLower(hash);
}
