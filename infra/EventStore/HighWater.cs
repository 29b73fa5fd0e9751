using Npgsql;

namespace AgentPlatform.EventStore;

/// <summary>
/// Tells up to which sequence everything is decided: committed and visible, or proven to stay empty. Readers never go past it, so they skip nothing.
/// </summary>
/// <remarks>
/// A sequence number is drawn before its transaction commits, so a higher one can become visible first. A hole is stepped over only once every transaction
/// that was under way after the hole was seen is over (<c>pg_snapshot_xmin</c> has reached the <c>pg_snapshot_xmax</c> of that moment): the writer draws
/// numbers only after it has a transaction id, so whoever could still fill the hole would be among them. Rows and snapshot come from one statement.
/// </remarks>
public sealed class HighWater(NpgsqlDataSource database, TimeSpan holeGrace, TimeProvider time) : IDisposable
{
    private const int PositionsPerQuery = 5_000;
    private readonly SemaphoreSlim _gate = new(1, 1);
    private long _mark;
    private Hole? _hole;

    /// <summary>The mark as last computed.</summary>
    public long Mark => Interlocked.Read(ref _mark);

    /// <summary>Raises the mark without looking, to a position that was decided in an earlier life of this process.</summary>
    /// <param name="position">For example the stored progress of a relay.</param>
    public void StartAt(long position)
    {
        if (position > Mark)
        {
            Interlocked.Exchange(ref _mark, position);
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
        await using var command = database.CreateCommand(
            """
            select coalesce(array_agg(p.seq_id order by p.seq_id), '{}'),
                   pg_snapshot_xmin(pg_current_snapshot())::text::bigint, pg_snapshot_xmax(pg_current_snapshot())::text::bigint
            from (select seq_id from mt_events where seq_id > $1 order by seq_id limit $2) p
            """);
        command.Parameters.Add(new() { Value = Mark });
        command.Parameters.Add(new() { Value = PositionsPerQuery });
        await using var reader = await command.ExecuteReaderAsync(ct);
        await reader.ReadAsync(ct);
        var positions = reader.GetFieldValue<long[]>(0);
        var (oldestRunning, nextToBegin) = (reader.GetInt64(1), reader.GetInt64(2));
        return Walk(positions, oldestRunning, nextToBegin) && positions.Length == PositionsPerQuery;
    }

    private bool Walk(long[] positions, long oldestRunning, long nextToBegin)
    {
        var mark = Mark;
        foreach (var position in positions)
        {
            if (position != mark + 1 && !IsProvenEmpty(mark + 1, position - 1, oldestRunning, nextToBegin))
            {
                Interlocked.Exchange(ref _mark, mark);
                return false;
            }

            mark = position;
        }

        Interlocked.Exchange(ref _mark, mark);
        return true;
    }

    private bool IsProvenEmpty(long from, long to, long oldestRunning, long nextToBegin)
    {
        var now = time.GetTimestamp();
        if (_hole is not { } hole || hole.From != from || hole.To < to)
        {
            _hole = new Hole(from, to, SeenAt: now, Horizon: null);
            return false;
        }

        if (hole.Horizon is not { } horizon)
        {
            if (time.GetElapsedTime(hole.SeenAt, now) >= holeGrace)
            {
                _hole = hole with { Horizon = nextToBegin };
            }

            return false;
        }

        return oldestRunning >= horizon;
    }

    private sealed record Hole(long From, long To, long SeenAt, long? Horizon);
}
