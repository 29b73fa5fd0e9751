using AgentPlatform.Contracts;
using AgentPlatform.EventStore;
using AgentPlatform.Messaging;

namespace AgentPlatform.Audit.Chain;

/// <summary>
/// Takes events of a service into the chain. A fact is known by service and sequence, so facts told twice, also in other
/// portions, are recorded once; the message is completed in the transaction that stored them.
/// </summary>
public sealed class AppendFacts(PostgresEventStore store, ChainStore chain, MessagingOptions options)
{
    public async Task Handle(RecordFacts message, Action<IPostgresSession> complete, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(message);
        ArgumentNullException.ThrowIfNull(complete);
        var sequences = message.Facts.Select(fact => fact.Sequence).ToArray();
        for (var conflicts = 0; ; conflicts++)
        {
            var (head, known) = await chain.End(message.Service, sequences, ct);
            var session = store.Open();
            var records = Link(message, head, known);
            if (records.Count > 0)
            {
                chain.Append(session, head, records);
            }
            FactMarks.Took(session, message);
            complete(session);
            try
            {
                await session.SaveChanges(ct);
                return;
            }
            catch (StreamConflictException) when (conflicts < options.ConflictsMax)
            {
                // Another replica was first; its last record is the one to link to.
            }
        }
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
