using AgentPlatform.EventStore;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace AgentPlatform.Messaging;

/// <summary>Numbers the messages of the outbox, carries them to JetStream in the order they were stored, and again when a receiver misses some; one process of a service at a time.</summary>
/// <remarks>
/// A message gets its number and moves to <c>ap_sent</c> before it is published, so it has the same number whenever it is published again.
/// A crash before the acknowledgement is known publishes a message again; the receiver's inbox makes that harmless.
/// </remarks>
public sealed partial class OutboxRelay(
    string service, NpgsqlDataSource database, EventStoreOptions store, NatsLink nats, JetStream jetStream, OutboxSignal signal, MessagingOptions options, FaultPoints faults,
    TimeProvider time, ILogger<OutboxRelay> log) : BackgroundService
{
    private static readonly Dictionary<long, long> Nothing = [];
    private readonly SentLog _sent = new(database, service, time);

    private readonly LeaderLoop _loop = new(database, store, options, time);

    /// <summary>What it is at, for whoever wonders why nothing moves.</summary>
    internal string Doing => _loop.Doing;

    /// <inheritdoc/>
    protected override Task ExecuteAsync(CancellationToken stoppingToken) => _loop.Run("ap_outbox", Relay, Interrupted, stoppingToken);

    private async Task Relay(CancellationToken ct)
    {
        await nats.WaitConnected(ct);
        await jetStream.EnsureStreams(ct);
        await _sent.Open(ct);
        using var desk = new ResendDesk(service, nats, jetStream, signal, options);
        var published = Nothing;
        while (await _sent.Unacknowledged(published, options.OutboxBatchMax, ct) is { Count: > 0 } unacknowledged)
        {
            published = await Publish(unacknowledged, ct);
        }

        var announceAt = time.GetTimestamp();
        while (true)
        {
            var next = signal.Next;
            var rows = await _sent.Next(published, options.OutboxBatchMax, ct);
            if (published.Count > 0)
            {
                await faults.Reach(FaultPoint.Marked);
            }

            published = Nothing;
            if (rows.Count > 0)
            {
                await faults.Reach(FaultPoint.Numbered);
                published = await Publish(rows, ct);
            }

            await Resend(desk, ct);
            if (desk.WasAsked || time.GetTimestamp() >= announceAt)
            {
                announceAt = time.GetTimestamp() + (long)(options.AnnounceEvery.TotalSeconds * time.TimestampFrequency);
                nats.Publish(jetStream.SubjectOf(ChannelSubjects.Told(service)), ChannelJson.Write(await _sent.Channels(ct)));
            }

            if (rows.Count == 0)
            {
                await Wait(next, time.GetElapsedTime(time.GetTimestamp(), announceAt), ct);
            }
        }
    }

    /// <returns>Up to where the channels are acknowledged now.</returns>
    private async Task<Dictionary<long, long>> Publish(List<SentRow> rows, CancellationToken ct)
    {
        var failures = await jetStream.PublishAll(rows.ConvertAll(r => (r.Subject, r.Payload)), () => faults.Reach(FaultPoint.Published), ct);
        await faults.Reach(FaultPoint.Acknowledged);

        // A channel is acknowledged up to its first failure; what came through behind it is published twice.
        var (published, broken) = (new Dictionary<long, long>(), new HashSet<long>());
        Exception? failed = null;
        for (var i = 0; i < rows.Count; i++)
        {
            if (failures[i] is { } failure)
            {
                failed ??= failure;
                broken.Add(rows[i].Channel);
            }
            else if (!broken.Contains(rows[i].Channel))
            {
                published[rows[i].Channel] = rows[i].Position;
            }
        }

        MessagingTelemetry.Published.Add(failures.Count(f => f is null));
        if (failed is not null)
        {
            await _sent.Mark(published, ct);
            throw new TimeoutException($"{failures.Count(f => f is not null)} of {rows.Count} messages were not acknowledged: {failed.Message}", failed);
        }

        return published;
    }

    private async Task Resend(ResendDesk desk, CancellationToken ct)
    {
        if (desk.Next() is not var (asked, reply))
        {
            return;
        }

        if (asked.Sequencer != _sent.Sequencer)
        {
            // Numbers of a database that is no more: nobody has those messages.
            nats.Publish(reply, ChannelJson.Write(new ResendDone(0, asked.Missing)));
            return;
        }

        var (rows, gone) = await _sent.Find(asked.Channel, [.. Gaps.Take(asked.Missing, options.ResendMax)], ct);
        await faults.Reach(FaultPoint.Remembered);
        if (rows.Count > 0)
        {
            var failures = await jetStream.PublishAll(rows.ConvertAll(r => (r.Subject, r.Payload)), sent: null, ct);
            if (failures.FirstOrDefault(f => f is not null) is { } failed)
            {
                throw new TimeoutException($"Messages that a receiver missed were not acknowledged: {failed.Message}", failed);
            }

            await faults.Reach(FaultPoint.Resent);
            Resent(rows.Count, asked.Channel);
            MessagingTelemetry.Resent.Add(rows.Count, new KeyValuePair<string, object?>("channel", asked.Channel));
        }

        nats.Publish(reply, ChannelJson.Write(new ResendDone(rows.Count, [.. gone])));
    }

    private async Task Wait(Task next, TimeSpan untilAnnounce, CancellationToken ct)
    {
        var pause = untilAnnounce < options.PollEvery ? untilAnnounce : options.PollEvery;
        if (await _sent.NextDue(ct) is { } at && at - time.GetUtcNow() is var until && until < pause)
        {
            pause = until;
        }

        if (pause <= TimeSpan.Zero)
        {
            return;
        }

        using var timer = CancellationTokenSource.CreateLinkedTokenSource(ct);
        await Task.WhenAny(next, Task.Delay(pause, time, timer.Token));
        await timer.CancelAsync();
        ct.ThrowIfCancellationRequested();
    }

    [LoggerMessage(2101, LogLevel.Warning, "The outbox relay was interrupted: {Cause}; its messages wait in the database, next try in {Delay}")]
    private partial void Interrupted(string cause, TimeSpan delay);

    [LoggerMessage(2102, LogLevel.Warning, "Published {Count} messages on {Channel} again, because a receiver missed them: JetStream lost them after it had acknowledged them")]
    private partial void Resent(int count, string channel);
}
