using Npgsql;
using NpgsqlTypes;

namespace AgentPlatform.Messaging;

/// <summary>Forgets what is too old or too much, a bounded number of rows at a time, so that nobody waits for a large deletion.</summary>
/// <param name="database">The service's database.</param>
/// <param name="deadLetters">Have bounds of their own.</param>
/// <param name="options">What is kept.</param>
/// <param name="time">The clock.</param>
internal sealed class Cleaner(NpgsqlDataSource database, DeadLetters deadLetters, MessagingOptions options, TimeProvider time)
{
    private long? _cleanedAt;
    private Dictionary<long, long> _settledBefore = [];

    /// <summary>Cleans if it is time.</summary>
    public async Task Clean(CancellationToken ct)
    {
        if (_cleanedAt is { } at && time.GetElapsedTime(at) < options.CleanEvery)
        {
            return;
        }

        _cleanedAt = time.GetTimestamp();
        foreach (var channel in await Ids("select id, published from ap_channels where published >= first", ct))
        {
            await Sent(channel.Key, ct);
        }

        // An inbox row may go only when the mark that stands for it was there before the last cleaning: whoever checks the mark and the row at this
        // very moment must find one of them.
        var safe = _settledBefore;
        _settledBefore = await Ids("select id, settled from ap_marks where settled > 0", ct);
        foreach (var (mark, settled) in safe)
        {
            await Chunks(
                "delete from ap_inbox where ctid = any (array(select i.ctid from ap_inbox i where i.mark = $1 and i.position <= $2 order by i.position limit $3))",
                ct, new() { Value = mark }, new() { Value = settled - options.InboxRowsMax });
        }

        await Chunks(
            """
            delete from ap_inbox where ctid = any (array(
                select i.ctid from ap_inbox i left join unnest($1, $2) as s(mark, settled) on s.mark = i.mark
                where i.handled_at < $3 and (i.mark is null or i.position <= s.settled) limit $4))
            """,
            ct, new() { Value = safe.Keys.ToArray() }, new() { Value = safe.Values.ToArray() }, Before(options.InboxKept));
        await Chunks(
            "delete from ap_passed where ctid = any (array(select p.ctid from ap_passed p join ap_marks m on m.id = p.mark where p.passed_at < $1 and p.last <= m.settled limit $2))",
            ct, Before(options.InboxKept));
        await deadLetters.Clean(ct);
    }

    // By number, not by age: numbers are given in order, so the oldest rows are one stretch of the primary key.
    private async Task Sent(long channel, CancellationToken ct)
    {
        await Chunks(
            """
            with old as (
                delete from ap_sent s using (
                    select o.position from ap_sent o join ap_channels c on c.id = o.channel
                    where o.channel = $1 and o.position between c.first and least(c.published, c.first + $4 - 1) and (o.sent_at < $2 or o.position <= c.published - $3) order by o.position) o
                where s.channel = $1 and s.position = o.position returning s.position)
            update ap_channels set first = greatest(first, (select max(position) + 1 from old)) where id = $1 and exists (select from old)
            """,
            ct, new() { Value = channel }, Before(options.OutboxKept), new() { Value = (long)options.OutboxRowsMax });
    }

    // Until a statement finds nothing more; the last parameter is the size of a chunk.
    private async Task Chunks(string sql, CancellationToken ct, params NpgsqlParameter[] parameters)
    {
        int deleted;
        do
        {
            await using var command = database.CreateCommand(sql);
            foreach (var parameter in parameters)
            {
                command.Parameters.Add(parameter.Clone());
            }

            command.Parameters.Add(new() { Value = options.CleanRowsMax });
            deleted = await command.ExecuteNonQueryAsync(ct);
        }
        while (deleted > 0);
    }

    private async Task<Dictionary<long, long>> Ids(string sql, CancellationToken ct)
    {
        await using var command = database.CreateCommand(sql);
        await using var reader = await command.ExecuteReaderAsync(ct);
        var rows = new Dictionary<long, long>();
        while (await reader.ReadAsync(ct))
        {
            rows[reader.GetInt64(0)] = reader.GetInt64(1);
        }

        return rows;
    }

    private NpgsqlParameter Before(TimeSpan age) => new() { Value = time.GetUtcNow() - age, NpgsqlDbType = NpgsqlDbType.TimestampTz };
}
