using Npgsql;

namespace AgentPlatform.EventStore;

/// <summary>
/// Tells up to which sequence everything is decided: committed and visible, or proven to stay empty. Readers never go past it, so they skip nothing.
/// </summary>
/// <remarks>
/// A sequence number is drawn before its transaction commits, so a higher one can become visible first. A hole is stepped over only once every transaction
/// that had an id when the hole was seen is over: the writer draws numbers only after it has an id, so whoever could still fill the hole would be among
/// them. The horizon is an id of our own, drawn after the hole was seen; the <c>xmax</c> of a snapshot would not do, because it is above the ids of
/// transactions that are over, not of all that were begun. Rows and the oldest running id (<c>pg_snapshot_xmin</c>) come from one statement.
/// What was stepped over is recorded in <c>mt_high_water_skips</c>: nothing lies above <c>starting_sequence</c> up to and with <c>ending_sequence</c>.
/// </remarks>
public sealed class HighWater(NpgsqlDataSource database, TimeSpan holeGrace, TimeProvider time) : IDisposable
{
    private const int PositionsPerQuery = 5_000;
    private readonly SemaphoreSlim _gate = new(1, 1);
    private long _mark;
    private Watch? _watch;
    private volatile bool _atHole;

    /// <summary>The mark as last computed.</summary>
    public long Mark => Interlocked.Read(ref _mark);

    /// <summary>Whether the last look ended at a hole: looking again soon pays, although nobody will tell that the hole was closed by a rollback.</summary>
    public bool IsAtHole => _atHole;

    /// <summary>Raises the mark without looking, to a position that was decided in an earlier life of this process.</summary>
    /// <param name="position">For example the stored progress of a relay.</param>
    public void StartAt(long position)
    {
        for (var known = Mark; position > known; known = Mark)
        {
            Interlocked.CompareExchange(ref _mark, position, known);
        }
    }

    /// <summary>Looks once and returns the mark.</summary>
    /// <param name="ct">Cancels the look.</param>
    public async Task<long> Advance(CancellationToken ct)
    {
        await _gate.WaitAsync(ct);
        try
        {
            while (await AdvanceOnce(ct))
            {
            }

            return Mark;
        }
        finally
        {
            _gate.Release();
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _gate.Dispose();

    private async Task<bool> AdvanceOnce(CancellationToken ct)
    {
        var look = await Look(ct);
        var skips = new List<(long Starting, long Ending)>();
        var (mark, whole) = Walk(look, skips);
        if (_watch is { IsDue: true, Horizon: null } due)
        {
            _watch = due with { Horizon = await OwnId(ct) };
        }

        if (skips.Count > 0)
        {
            await Record(skips, ct);
        }

        StartAt(mark);
        _atHole = !whole;
        return whole && look.Positions.Length == PositionsPerQuery;
    }

    private async Task<Seen> Look(CancellationToken ct)
    {
        var after = Mark;
        await using var command = database.CreateCommand(
            """
            select coalesce(array_agg(p.seq_id order by p.seq_id), '{}'), (select max(seq_id) from mt_events),
                   pg_snapshot_xmin(pg_current_snapshot())::text::bigint
            from (select seq_id from mt_events where seq_id > $1 order by seq_id limit $2) p
            """);
        command.Parameters.Add(new() { Value = after });
        command.Parameters.Add(new() { Value = PositionsPerQuery });
        await using var reader = await command.ExecuteReaderAsync(ct);
        await reader.ReadAsync(ct);
        return new Seen(after, reader.GetFieldValue<long[]>(0), reader.IsDBNull(1) ? 0 : reader.GetInt64(1), reader.GetInt64(2));
    }

    private async Task<long> OwnId(CancellationToken ct)
    {
        await using var command = database.CreateCommand("select pg_current_xact_id()::text::bigint");
        return (long)(await command.ExecuteScalarAsync(ct))!;
    }

    private (long Mark, bool Whole) Walk(Seen look, List<(long Starting, long Ending)> skips)
    {
        var mark = look.After;
        foreach (var position in look.Positions)
        {
            if (position != mark + 1)
            {
                if (!IsProvenEmpty(position - 1, look))
                {
                    return (mark, false);
                }

                skips.Add((mark, position - 1));
            }

            mark = position;
        }

        return (mark, true);
    }

    // One watch serves every hole below the highest position that was visible when it began: all of those numbers were drawn by then. Otherwise each of
    // a thousand holes would take its own grace and its own proof, and whoever reads a store from its beginning would wait for all of them in turn.
    private bool IsProvenEmpty(long to, Seen look)
    {
        var now = time.GetTimestamp();
        if (_watch is not { } watch || watch.UpTo <= to)
        {
            watch = _watch = new Watch(look.Highest, SeenAt: now, IsDue: false, Horizon: null);
        }

        if (watch.Horizon is { } horizon)
        {
            return look.OldestRunning > horizon;
        }

        if (time.GetElapsedTime(watch.SeenAt, now) >= holeGrace)
        {
            _watch = watch with { IsDue = true };
        }

        return false;
    }

    private async Task Record(List<(long Starting, long Ending)> skips, CancellationToken ct)
    {
        await using var command = database.CreateCommand(
            "insert into mt_high_water_skips (ending_sequence, starting_sequence) select * from unnest($1::bigint[], $2::bigint[]) on conflict (ending_sequence) do nothing");
        command.Parameters.Add(new() { Value = skips.Select(s => s.Ending).ToArray() });
        command.Parameters.Add(new() { Value = skips.Select(s => s.Starting).ToArray() });
        await command.ExecuteNonQueryAsync(ct);
    }

    private sealed record Watch(long UpTo, long SeenAt, bool IsDue, long? Horizon);

    private sealed record Seen(long After, long[] Positions, long Highest, long OldestRunning);
}
