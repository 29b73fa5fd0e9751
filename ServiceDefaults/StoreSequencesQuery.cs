using AgentPlatform.Contracts;
using AgentPlatform.EventStore;

namespace AgentPlatform.ServiceDefaults;

/// <summary>Says which sequences a service's store holds, as ranges: what Audit compares itself with.</summary>
public static class StoreSequencesQuery
{
    private const int RangesMax = 10_000;

    /// <summary>One page of ranges.</summary>
    /// <param name="service">Whose store it is.</param>
    /// <param name="store">The store.</param>
    /// <param name="ct">Cancels the read.</param>
    /// <param name="after">Begin after this sequence.</param>
    public static async Task<StoreSequences> Handle(ServiceIdentity service, PostgresEventStore store, CancellationToken ct, long after = 0)
    {
        // Neighbours have the same difference between sequence and row number: one group is one range without holes.
        await using var command = store.Database.CreateCommand(
            """
            select count(*) over (), min(seq_id), max(seq_id), sum(count(*)) over ()
            from (select seq_id, seq_id - row_number() over (order by seq_id) as island from mt_events where seq_id > $1) s
            group by island order by min(seq_id) limit $2
            """);
        command.Parameters.Add(new() { Value = after });
        command.Parameters.Add(new() { Value = RangesMax });
        var ranges = new List<SequenceRange>();
        var (all, count) = (0L, 0L);
        await using var reader = await command.ExecuteReaderAsync(ct);
        while (await reader.ReadAsync(ct))
        {
            (all, count) = (reader.GetInt64(0), (long)reader.GetDecimal(3));
            ranges.Add(new SequenceRange(reader.GetInt64(1), reader.GetInt64(2)));
        }

        return new StoreSequences(service.Name, count, [.. ranges], all > ranges.Count ? ranges[^1].To : null);
    }
}
