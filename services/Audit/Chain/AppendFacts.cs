using System.Data;
using AgentPlatform.Contracts;
using AgentPlatform.EventStore;
using AgentPlatform.Messaging;
using Npgsql;

namespace AgentPlatform.Audit.Chain;

/// <summary>
/// Takes events of a service into the chain. A fact is known by service and sequence, so facts told twice, also in other
/// portions, are recorded once; the message is completed in the transaction that stored them.
/// </summary>
/// <remarks>
/// A chain has one end, so links are added one after the other. Whoever adds waits for its turn, across all replicas and in the order of asking; racing for the
/// end instead would let a portion lose again and again while others keep coming. The condition on the end stays: a turn is lost with its connection.
/// </remarks>
public sealed class AppendFacts(PostgresEventStore store, ChainStore chain, MessagingOptions options) : IDisposable
{
    private const long TurnKey = 0x61756469745F656E; // "audit_en"
    private static readonly TimeSpan TurnMax = TimeSpan.FromSeconds(30);
    private readonly SemaphoreSlim _here = new(1);

    public async Task Handle(RecordFacts message, Action<IPostgresSession> complete, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(message);
        ArgumentNullException.ThrowIfNull(complete);
        var sequences = message.Facts.Select(fact => fact.Sequence).ToArray();

        // One of this process asks the database at a time: those who wait for it hold a connection each.
        await _here.WaitAsync(ct);
        try
        {
            for (var conflicts = 0; ; conflicts++)
            {
                try
                {
                    await InTurn(message, sequences, complete, ct);
                    return;
                }
                catch (StreamConflictException) when (conflicts < options.ConflictsMax)
                {
                    // Our turn was lost with its connection, and another replica was first; its last record is the one to link to.
                }
            }
        }
        finally
        {
            _here.Release();
        }
    }

    public void Dispose() => _here.Dispose();

    private async Task InTurn(RecordFacts message, long[] sequences, Action<IPostgresSession> complete, CancellationToken ct)
    {
        // The lock goes with the transaction, whatever happens to us, also when we stand still with a connection that is open;
        // the facts themselves are stored by a commit that others share.
        await using var connection = await chain.Database.OpenConnectionAsync(ct);
        await using var turn = await connection.BeginTransactionAsync(IsolationLevel.ReadCommitted, ct);
        await using (var wait = new NpgsqlCommand("select set_config('idle_in_transaction_session_timeout', $1, true), pg_advisory_xact_lock($2)", connection))
        {
            wait.Parameters.Add(new() { Value = $"{TurnMax.TotalMilliseconds:0}" });
            wait.Parameters.Add(new() { Value = TurnKey });
            await wait.ExecuteNonQueryAsync(ct);
        }

        var (head, known) = await ChainStore.End(connection, message.Service, sequences, ct);
        var session = store.Open();
        var records = Link(message, head, known);
        if (records.Count > 0)
        {
            chain.Append(session, head, records);
        }
        FactMarks.Took(session, message);
        complete(session);
        await session.SaveChanges(ct);
    }

    private List<AuditRecord> Link(RecordFacts message, ChainHead head, HashSet<long> known)
    {
        var records = new List<AuditRecord>(message.Facts.Length);
        var (index, previous) = (head.Index, head.Hash);
        foreach (var fact in message.Facts)
        {
            if (!known.Add(fact.Sequence))
            {
                continue;
            }
            var record = AuditRecord.Make(++index, message.Service, fact, chain.Seal, previous);
            records.Add(record);
            previous = record.Hash;
        }
        return records;
    }
}
