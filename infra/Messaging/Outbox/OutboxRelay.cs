using AgentPlatform.EventStore;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;
using NpgsqlTypes;

namespace AgentPlatform.Messaging;

/// <summary>Carries messages from the outbox to JetStream, in the order they were stored; one process of a service at a time.</summary>
/// <remarks>A crash between the acknowledgement and the mark publishes a message again; the receiver's inbox makes that harmless.</remarks>
public sealed partial class OutboxRelay(
    PostgresEventStore store, NatsLink nats, JetStream jetStream, OutboxSignal signal, DeadLetters deadLetters, MessagingOptions options, TimeProvider time, ILogger<OutboxRelay> log) : BackgroundService
{
    private NpgsqlDataSource Database => store.Database;

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                await Leader.Run(Database, "ap_outbox", options.PollEvery, Relay, stoppingToken);
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                return;
            }
            catch (Exception e) when (Transient.Is(e) || e is OperationCanceledException or JetStreamException)
            {
                Interrupted(e.Message, options.RetryDelay);
                await Task.Delay(options.RetryDelay, time, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }

    private async Task Relay(CancellationToken ct)
    {
        await nats.WaitConnected(ct);
        await jetStream.EnsureStreams(ct);
        var cleanAt = time.GetUtcNow();
        while (true)
        {
            var next = signal.Next;
            var rows = await Due(ct);
            if (rows.Count > 0)
            {
                await Publish(rows, ct);
                continue;
            }

            if (time.GetUtcNow() >= cleanAt)
            {
                cleanAt = time.GetUtcNow() + TimeSpan.FromMinutes(1);
                await Clean(ct);
            }

            await Wait(next, await NextDue(ct), ct);
        }
    }

    private async Task Publish(List<Row> rows, CancellationToken ct)
    {
        // All at once: JetStream stores them in the order they arrive on the connection, and the acknowledgements overlap.
        var acks = rows.ConvertAll(row => jetStream.Publish(row.Subject, row.Envelope, ct));
        var published = new List<long>(rows.Count);
        Exception? failed = null;
        for (var i = 0; i < acks.Count; i++)
        {
            try
            {
                await acks[i];
                published.Add(rows[i].Position);
            }
            catch (Exception e) when (Transient.Is(e) || e is JetStreamException)
            {
                failed ??= e;
            }
        }

        if (published.Count > 0)
        {
            await using var mark = Database.CreateCommand("update ap_outbox set published_at = now() where position = any($1)");
            mark.Parameters.Add(new() { Value = published.ToArray() });
            await mark.ExecuteNonQueryAsync(ct);
            MessagingTelemetry.Published.Add(published.Count);
        }

        if (failed is not null)
        {
            throw new TimeoutException($"{rows.Count - published.Count} of {rows.Count} messages were not acknowledged: {failed.Message}", failed);
        }
    }

    private async Task<List<Row>> Due(CancellationToken ct)
    {
        await using var command = Database.CreateCommand(
            "select position, subject, envelope from ap_outbox where published_at is null and deliver_at <= $1 order by position limit $2");
        command.Parameters.Add(new() { Value = time.GetUtcNow(), NpgsqlDbType = NpgsqlDbType.TimestampTz });
        command.Parameters.Add(new() { Value = options.OutboxBatchMax });
        var rows = new List<Row>();
        await using var reader = await command.ExecuteReaderAsync(ct);
        while (await reader.ReadAsync(ct))
        {
            rows.Add(new Row(reader.GetInt64(0), reader.GetString(1), reader.GetFieldValue<byte[]>(2)));
        }

        return rows;
    }

    private async Task<DateTimeOffset?> NextDue(CancellationToken ct)
    {
        await using var command = Database.CreateCommand("select min(deliver_at) from ap_outbox where published_at is null");
        return await command.ExecuteScalarAsync(ct) is DateTime due ? new DateTimeOffset(due, TimeSpan.Zero) : null;
    }

    private async Task Wait(Task next, DateTimeOffset? due, CancellationToken ct)
    {
        var pause = due is { } at && at - time.GetUtcNow() is var until && until < options.PollEvery ? until : options.PollEvery;
        if (pause <= TimeSpan.Zero)
        {
            return;
        }

        using var timer = CancellationTokenSource.CreateLinkedTokenSource(ct);
        await Task.WhenAny(next, Task.Delay(pause, time, timer.Token));
        await timer.CancelAsync();
        ct.ThrowIfCancellationRequested();
    }

    private async Task Clean(CancellationToken ct)
    {
        await using var batch = Database.CreateBatch();
        batch.BatchCommands.Add(new("delete from ap_outbox where published_at < $1") { Parameters = { Before(options.OutboxKept) } });
        batch.BatchCommands.Add(new("delete from ap_inbox where handled_at < $1") { Parameters = { Before(options.InboxKept) } });
        await batch.ExecuteNonQueryAsync(ct);
        await deadLetters.Clean(ct);

        NpgsqlParameter Before(TimeSpan age) => new() { Value = time.GetUtcNow() - age, NpgsqlDbType = NpgsqlDbType.TimestampTz };
    }

    private sealed record Row(long Position, string Subject, byte[] Envelope);

    [LoggerMessage(2101, LogLevel.Warning, "The outbox relay was interrupted: {Cause}; its messages wait in the database, next try in {Delay}")]
    private partial void Interrupted(string cause, TimeSpan delay);
}
