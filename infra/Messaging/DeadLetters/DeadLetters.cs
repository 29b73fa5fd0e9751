using System.Text.Json;
using System.Text.Json.Nodes;
using AgentPlatform.Contracts;
using AgentPlatform.EventStore;
using Microsoft.Extensions.Logging;
using Npgsql;
using NpgsqlTypes;

namespace AgentPlatform.Messaging;

/// <summary>Messages that a handler gave up on: kept with their cause until somebody sends them again or says that they are not needed.</summary>
/// <remarks>
/// A retry puts the message back into the outbox under its own id, marked for the one handler that gave up. That handler never completed it, so its inbox lets
/// it through once; if it did complete it after all, the inbox makes the retry harmless.
/// </remarks>
public sealed partial class DeadLetters(PostgresEventStore store, OutboxSignal wake, MessagingOptions options, TimeProvider time, ILogger<DeadLetters> log)
{
    private const string Columns = "id, message_id, handler, type, cause, attempts, died_at, retried_at, discarded_at, discarded_because";
    private const string Waits = "retried_at is null and discarded_at is null";

    /// <summary>Lists dead letters, newest first.</summary>
    /// <param name="filter">Which.</param>
    /// <param name="after">Cursor of the page before.</param>
    /// <param name="limit">At least 1.</param>
    /// <param name="ct">Cancels.</param>
    /// <exception cref="FormatException">The cursor is not one that this method made.</exception>
    public async Task<Page<DeadLetterView>> List(DeadLetterFilter filter, string? after, int limit, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(filter);
        var cursor = Cursor.Parse(after);
        await using var command = store.Database.CreateCommand(
            $"select {Columns} from ap_dead_letters where {Where(filter)} and ($3::timestamptz is null or (died_at, id) < ($3, $4)) order by died_at desc, id desc limit $5");
        Bind(command, filter);
        command.Parameters.Add(new() { Value = (object?)cursor?.DiedAt ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.TimestampTz });
        command.Parameters.Add(new() { Value = cursor?.Id ?? Guid.Empty });
        command.Parameters.Add(new() { Value = limit + 1 });
        var rows = new List<DeadLetterView>();
        await using var reader = await command.ExecuteReaderAsync(ct);
        while (await reader.ReadAsync(ct))
        {
            rows.Add(Row(reader));
        }

        var more = rows.Count > limit;
        return new Page<DeadLetterView>([.. rows.Take(limit)], more ? new Cursor(rows[limit - 1].DiedAt, rows[limit - 1].Id).ToString() : null);
    }

    /// <summary>One dead letter with everything that is known of it, or null.</summary>
    /// <param name="id">Which.</param>
    /// <param name="ct">Cancels.</param>
    public async Task<DeadLetterDetail?> Find(Guid id, CancellationToken ct)
    {
        await using var command = store.Database.CreateCommand($"select {Columns}, subject, stack, envelope from ap_dead_letters where id = $1");
        command.Parameters.Add(new() { Value = id });
        await using var reader = await command.ExecuteReaderAsync(ct);
        if (!await reader.ReadAsync(ct))
        {
            return null;
        }

        var bytes = reader.GetFieldValue<byte[]>(12);
        var envelope = Parsed(bytes);
        return new DeadLetterDetail(Row(reader), reader.GetString(10), reader.IsDBNull(11) ? null : reader.GetString(11), envelope, envelope is null ? Convert.ToBase64String(bytes) : null);
    }

    /// <summary>Sends one again. Told twice, or by two at once, it is sent once.</summary>
    /// <param name="id">Which.</param>
    /// <param name="ct">Cancels.</param>
    public async Task<RetryOutcome> Retry(Guid id, CancellationToken ct)
    {
        if (await Find(id, ct) is not { } found)
        {
            return RetryOutcome.Unknown;
        }

        if (found.Letter.State != DeadLetterState.Waiting)
        {
            return RetryOutcome.NotWaiting;
        }

        if (found.Envelope is not { ValueKind: JsonValueKind.Object } envelope)
        {
            return RetryOutcome.Unreadable;
        }

        var marked = JsonObject.Create(envelope)!;
        marked["retryfor"] = found.Letter.Handler;
        await using var command = store.Database.CreateCommand(
            $"""
            with taken as (update ap_dead_letters set retried_at = $4 where id = $1 and {Waits} returning subject)
            insert into ap_outbox (id, subject, envelope, deliver_at, created_at) select $2, subject, $3, $4, $4 from taken
            """);
        command.Parameters.Add(new() { Value = id });
        command.Parameters.Add(new() { Value = Guid.TryParse(found.Letter.Message, out var message) ? message : id });
        command.Parameters.Add(new() { Value = JsonSerializer.SerializeToUtf8Bytes(marked, ContractJson.Options) });
        command.Parameters.Add(new() { Value = time.GetUtcNow(), NpgsqlDbType = NpgsqlDbType.TimestampTz });
        if (await command.ExecuteNonQueryAsync(ct) == 0)
        {
            return RetryOutcome.NotWaiting;
        }

        wake.Stored();
        Retried(found.Letter.Message, found.Letter.Handler);
        return RetryOutcome.Sent;
    }

    /// <summary>Sends what waits again, oldest first, up to <see cref="MessagingOptions.DeadLettersRetriedMax"/>.</summary>
    /// <param name="filter">Which; its state is not looked at.</param>
    /// <param name="ct">Cancels; what was sent is sent.</param>
    public async Task<RetriedDeadLetters> RetryAll(DeadLetterFilter filter, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(filter);
        var waiting = filter with { State = DeadLetterState.Waiting };
        var ids = new List<Guid>();
        await using (var command = store.Database.CreateCommand($"select id from ap_dead_letters where {Where(waiting)} order by died_at, id limit $3"))
        {
            Bind(command, waiting);
            command.Parameters.Add(new() { Value = options.DeadLettersRetriedMax });
            await using var reader = await command.ExecuteReaderAsync(ct);
            while (await reader.ReadAsync(ct))
            {
                ids.Add(reader.GetGuid(0));
            }
        }

        var sent = 0L;
        foreach (var id in ids)
        {
            sent += await Retry(id, ct) == RetryOutcome.Sent ? 1 : 0;
        }

        return new RetriedDeadLetters(sent, await Count(waiting, ct));
    }

    /// <summary>Closes one that is not needed.</summary>
    /// <param name="id">Which.</param>
    /// <param name="by">Who says so.</param>
    /// <param name="reason">And why.</param>
    /// <param name="ct">Cancels.</param>
    /// <returns>False when it does not wait, or there is none.</returns>
    public async Task<bool> Discard(Guid id, string by, string reason, CancellationToken ct)
    {
        await using var command = store.Database.CreateCommand(
            $"update ap_dead_letters set discarded_at = $2, discarded_because = $3 where id = $1 and {Waits}");
        command.Parameters.Add(new() { Value = id });
        command.Parameters.Add(new() { Value = time.GetUtcNow(), NpgsqlDbType = NpgsqlDbType.TimestampTz });
        command.Parameters.Add(new() { Value = $"{by}: {reason}" });
        if (await command.ExecuteNonQueryAsync(ct) == 0)
        {
            return false;
        }

        Discarded(id, by, reason);
        return true;
    }

    /// <summary>How many there are.</summary>
    /// <param name="filter">Which.</param>
    /// <param name="ct">Cancels.</param>
    public async Task<long> Count(DeadLetterFilter filter, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(filter);
        await using var command = store.Database.CreateCommand($"select count(*) from ap_dead_letters where {Where(filter)}");
        Bind(command, filter);
        return (long)(await command.ExecuteScalarAsync(ct))!;
    }

    // A message that was retried and failed again waits anew; one that is delivered again without a retry is the one that is there.
    internal NpgsqlBatchCommand Bury(Handler handler, Delivery delivery, string messageId, Exception cause, int attempts)
    {
        var command = new NpgsqlBatchCommand(
            """
            insert into ap_dead_letters (id, message_id, handler, type, subject, envelope, cause, stack, attempts, died_at) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
            on conflict (id) do update set cause = excluded.cause, stack = excluded.stack, attempts = ap_dead_letters.attempts + excluded.attempts, died_at = excluded.died_at, retried_at = null
            where ap_dead_letters.retried_at is not null
            """);
        foreach (var value in (object[])[
            DerivedId.Of(messageId, handler.Consumer), messageId, handler.Consumer, handler.TypeName, delivery.Subject, delivery.Payload,
            $"{cause.GetType().Name}: {cause.Message}", cause.ToString(), attempts, time.GetUtcNow()])
        {
            command.Parameters.Add(new() { Value = value });
        }

        return command;
    }

    /// <summary>Forgets what is too old or too much; the relay does it every minute.</summary>
    /// <param name="ct">Cancels.</param>
    public async Task Clean(CancellationToken ct)
    {
        await using var command = store.Database.CreateCommand(
            $"""
            with gone as (
                delete from ap_dead_letters where died_at < $1 or id in (
                    select id from ap_dead_letters order by ({Waits}) desc, died_at desc, id offset $2)
                returning {Waits} as waited)
            select count(*) filter (where waited) from gone
            """);
        command.Parameters.Add(new() { Value = time.GetUtcNow() - options.DeadLettersKept, NpgsqlDbType = NpgsqlDbType.TimestampTz });
        command.Parameters.Add(new() { Value = options.DeadLettersMax });
        if ((long)(await command.ExecuteScalarAsync(ct))! is var lost && lost > 0)
        {
            Dropped(lost, options.DeadLettersKept, options.DeadLettersMax);
        }
    }

    private static string Where(DeadLetterFilter filter) =>
        "($1::varchar is null or handler = $1) and ($2::varchar is null or type = $2) and " + filter.State switch
        {
            DeadLetterState.Waiting => Waits,
            DeadLetterState.Retried => "retried_at is not null",
            DeadLetterState.Discarded => "discarded_at is not null",
            _ => "true",
        };

    private static void Bind(NpgsqlCommand command, DeadLetterFilter filter)
    {
        command.Parameters.Add(new() { Value = (object?)filter.Handler ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Varchar });
        command.Parameters.Add(new() { Value = (object?)filter.Type ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Varchar });
    }

    private static DeadLetterView Row(NpgsqlDataReader reader)
    {
        DateTimeOffset? retried = reader.IsDBNull(7) ? null : reader.GetFieldValue<DateTimeOffset>(7);
        DateTimeOffset? discarded = reader.IsDBNull(8) ? null : reader.GetFieldValue<DateTimeOffset>(8);
        var state = discarded is not null ? DeadLetterState.Discarded : retried is not null ? DeadLetterState.Retried : DeadLetterState.Waiting;
        return new DeadLetterView(
            reader.GetGuid(0), reader.GetString(1), reader.GetString(2), reader.GetString(3), state, reader.GetString(4), reader.GetInt32(5), reader.GetFieldValue<DateTimeOffset>(6),
            retried, discarded, reader.IsDBNull(9) ? null : reader.GetString(9));
    }

    private static JsonElement? Parsed(byte[] bytes)
    {
        try
        {
            return JsonSerializer.Deserialize<JsonElement>(bytes);
        }
        catch (JsonException)
        {
            // That is why it is here; it is shown as it is.
            return null;
        }
    }

    [LoggerMessage(2501, LogLevel.Information, "The dead letter {Message} was sent again to {Handler}")]
    private partial void Retried(string message, string handler);

    [LoggerMessage(2502, LogLevel.Warning, "The dead letter {Id} was discarded by {By}: {Reason}")]
    private partial void Discarded(Guid id, string by, string reason);

    [LoggerMessage(2503, LogLevel.Error, "{Count} dead letters that nobody had seen to were dropped: older than {Kept} or more than {Max}. Look at them sooner, or raise DeadLettersKept and DeadLettersMax")]
    private partial void Dropped(long count, TimeSpan kept, int max);

    private sealed record Cursor(DateTimeOffset DiedAt, Guid Id)
    {
        public static Cursor? Parse(string? text)
        {
            if (text is null)
            {
                return null;
            }

            var parts = text.Split('_');
            return parts.Length == 2 && long.TryParse(parts[0], out var ticks) && ticks >= 0 && ticks < DateTimeOffset.MaxValue.Ticks && Guid.TryParse(parts[1], out var id)
                ? new Cursor(new DateTimeOffset(ticks, TimeSpan.Zero), id)
                : throw new FormatException($"'{text}' is not a page cursor");
        }

        public override string ToString() => $"{DiedAt.UtcTicks}_{Id:n}";
    }
}

/// <summary>Which dead letters.</summary>
/// <param name="State">Only these; all when null.</param>
/// <param name="Handler">Only of this handler.</param>
/// <param name="Type">Only of this contract.</param>
public sealed record DeadLetterFilter(DeadLetterState? State = null, string? Handler = null, string? Type = null);

/// <summary>What came of a retry.</summary>
public enum RetryOutcome
{
    /// <summary>It is on its way.</summary>
    Sent,

    /// <summary>There is no such dead letter.</summary>
    Unknown,

    /// <summary>It was retried or discarded before.</summary>
    NotWaiting,

    /// <summary>It is no JSON object; no handler will ever read it.</summary>
    Unreadable,
}
