using Npgsql;

namespace AgentPlatform.EventStore;

/// <summary>Events that a projection could not apply (<c>ap_parked_events</c>), with the cause, until somebody has them retried.</summary>
internal sealed class ParkedEvents(string projection, NpgsqlDataSource database)
{
    private const int StackCharactersMax = 16_000;

    public static NpgsqlBatchCommand Park(string projection, long sequence, Exception cause) =>
        Command(
            """
            insert into ap_parked_events (projection, seq_id, reason, stack) values ($1, $2, $3, $4)
            on conflict (projection, seq_id) do update set reason = excluded.reason, stack = excluded.stack, parked_at = now(), retried_at = null, retry_asked_at = null
            """,
            projection, sequence, Reason(cause), Stack(cause));

    public NpgsqlBatchCommand Retried(long sequence) =>
        Command("update ap_parked_events set retried_at = now(), retry_asked_at = null, attempts = attempts + 1 where projection = $1 and seq_id = $2", projection, sequence);

    public async Task FailedAgain(long sequence, Exception cause, CancellationToken ct)
    {
        await using var command = database.CreateCommand(
            "update ap_parked_events set retry_asked_at = null, attempts = attempts + 1, reason = $3, stack = $4 where projection = $1 and seq_id = $2");
        ProjectionLedger.Add(command.Parameters, projection, sequence, Reason(cause), Stack(cause));
        await command.ExecuteNonQueryAsync(ct);
    }

    /// <summary>Asks for one event, or for all that are parked.</summary>
    /// <returns>How many are to be retried.</returns>
    public async Task<int> AskForRetry(long? sequence, CancellationToken ct)
    {
        await using var command = database.CreateCommand(
            "update ap_parked_events set retry_asked_at = now() where projection = $1 and retried_at is null and ($2::bigint is null or seq_id = $2)");
        command.Parameters.Add(new() { Value = projection });
        command.Parameters.Add(new() { Value = (object?)sequence ?? DBNull.Value, NpgsqlDbType = NpgsqlTypes.NpgsqlDbType.Bigint });
        return await command.ExecuteNonQueryAsync(ct);
    }

    public async Task<IReadOnlyList<long>> Asked(int limit, CancellationToken ct)
    {
        await using var command = database.CreateCommand("select seq_id from ap_parked_events where projection = $1 and retry_asked_at is not null order by seq_id limit $2");
        ProjectionLedger.Add(command.Parameters, projection, limit);
        var asked = new List<long>();
        await using var reader = await command.ExecuteReaderAsync(ct);
        while (await reader.ReadAsync(ct))
        {
            asked.Add(reader.GetInt64(0));
        }

        return asked;
    }

    public async Task<long> Standing(string parkedAs, CancellationToken ct)
    {
        await using var command = database.CreateCommand("select count(*) from ap_parked_events where projection = $1 and retried_at is null");
        command.Parameters.Add(new() { Value = parkedAs });
        return (long)(await command.ExecuteScalarAsync(ct))!;
    }

    public async Task<IReadOnlyList<ParkedEvent>> List(long after, int limit, CancellationToken ct)
    {
        await using var command = database.CreateCommand(
            "select seq_id, reason, stack, attempts, parked_at, retried_at from ap_parked_events where projection = $1 and seq_id > $2 order by seq_id limit $3");
        ProjectionLedger.Add(command.Parameters, projection, after, limit);
        var parked = new List<ParkedEvent>();
        await using var reader = await command.ExecuteReaderAsync(ct);
        while (await reader.ReadAsync(ct))
        {
            parked.Add(new ParkedEvent(
                projection, reader.GetInt64(0), reader.GetString(1), reader.IsDBNull(2) ? null : reader.GetString(2), reader.GetInt32(3),
                reader.GetFieldValue<DateTimeOffset>(4), reader.IsDBNull(5) ? null : reader.GetFieldValue<DateTimeOffset>(5)));
        }

        return parked;
    }

    /// <summary>Forgets what was retried with success long ago, or long ago in number. What was not retried stays: it is bounded by the pause.</summary>
    public async Task Clean(DateTimeOffset before, int keptMax, CancellationToken ct)
    {
        await using var command = database.CreateCommand(
            """
            delete from ap_parked_events where projection = $1 and retried_at is not null and (retried_at < $2 or seq_id in (
                select seq_id from ap_parked_events where projection = $1 and retried_at is not null order by retried_at desc, seq_id desc offset $3))
            """);
        ProjectionLedger.Add(command.Parameters, projection, before, keptMax);
        await command.ExecuteNonQueryAsync(ct);
    }

    private static NpgsqlBatchCommand Command(string sql, params ReadOnlySpan<object> values)
    {
        var command = new NpgsqlBatchCommand(sql);
        ProjectionLedger.Add(command.Parameters, values);
        return command;
    }

    private static string Reason(Exception cause) => $"{cause.GetType().Name}: {cause.Message}";

    private static string Stack(Exception cause) => cause.ToString() is var stack && stack.Length <= StackCharactersMax ? stack : stack[..StackCharactersMax];
}

/// <summary>An event that a projection could not apply.</summary>
/// <param name="Projection">Whose.</param>
/// <param name="Sequence">The event.</param>
/// <param name="Reason">What went wrong, in one line.</param>
/// <param name="Stack">And where.</param>
/// <param name="Attempts">Times it was tried.</param>
/// <param name="ParkedAt">Since when.</param>
/// <param name="RetriedAt">When it was applied after all; null while it is parked.</param>
public sealed record ParkedEvent(string Projection, long Sequence, string Reason, string? Stack, int Attempts, DateTimeOffset ParkedAt, DateTimeOffset? RetriedAt);
