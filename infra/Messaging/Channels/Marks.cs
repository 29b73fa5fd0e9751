using Npgsql;

namespace AgentPlatform.Messaging;

/// <summary>What one handler has of one sender's channel.</summary>
/// <param name="Id">The row.</param>
/// <param name="Settled">Everything up to here is done; null before the sender first told what it has.</param>
internal sealed record Mark(long Id, long? Settled);

/// <summary>The receiver's tables: up to where each handler is done with each sender's channel, and what it is done with above that.</summary>
/// <param name="database">The service's database.</param>
internal sealed class Marks(NpgsqlDataSource database)
{
    public async Task<Mark> Of(string handler, string sequencer, CancellationToken ct)
    {
        await using var batch = database.CreateBatch();
        batch.BatchCommands.Add(new("select ap_mark_of($1, $2)") { Parameters = { new() { Value = handler }, new() { Value = sequencer } } });
        batch.BatchCommands.Add(new("select id, settled from ap_marks where handler = $1 and sequencer = $2") { Parameters = { new() { Value = handler }, new() { Value = sequencer } } });
        await using var reader = await batch.ExecuteReaderAsync(ct);
        await reader.NextResultAsync(ct);
        await reader.ReadAsync(ct);
        return new Mark(reader.GetInt64(0), await reader.IsDBNullAsync(1, ct) ? null : reader.GetInt64(1));
    }

    /// <summary>What is done within a range, in ascending order as far as it came from the inbox.</summary>
    public async Task<List<Positions>> Done(long mark, Positions within, CancellationToken ct)
    {
        await using var command = database.CreateCommand(
            """
            select position, position from ap_inbox where mark = $1 and position between $2 and $3
            union all
            select first, last from ap_passed where mark = $1 and last >= $2 and first <= $3
            """);
        command.Parameters.Add(new() { Value = mark });
        command.Parameters.Add(new() { Value = within.First });
        command.Parameters.Add(new() { Value = within.Last });
        await using var reader = await command.ExecuteReaderAsync(ct);
        var done = new List<Positions>();
        while (await reader.ReadAsync(ct))
        {
            done.Add(new Positions(reader.GetInt64(0), reader.GetInt64(1)));
        }

        return done;
    }

    public async Task Settle(long mark, long position, CancellationToken ct)
    {
        await using var command = database.CreateCommand("update ap_marks set settled = greatest(settled, $2) where id = $1");
        command.Parameters.Add(new() { Value = mark });
        command.Parameters.Add(new() { Value = position });
        await command.ExecuteNonQueryAsync(ct);
    }

    /// <summary>Gives positions up: they will never take effect here.</summary>
    public async Task Pass(long mark, IReadOnlyList<Positions> lost, string reason, CancellationToken ct)
    {
        await using var command = database.CreateCommand("insert into ap_passed (mark, first, last, reason) select $1, l.first, l.last, $4 from unnest($2, $3) as l(first, last) on conflict do nothing");
        command.Parameters.Add(new() { Value = mark });
        command.Parameters.Add(new() { Value = lost.Select(l => l.First).ToArray() });
        command.Parameters.Add(new() { Value = lost.Select(l => l.Last).ToArray() });
        command.Parameters.Add(new() { Value = reason });
        await command.ExecuteNonQueryAsync(ct);
    }
}
