using System.Diagnostics.Metrics;
using AgentPlatform.EventStore;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace AgentPlatform.Messaging;

/// <summary>Looks now and then how much waits: in the outbox, before each consumer, among the dead letters.</summary>
/// <remarks>Every replica reports the same queues: take the maximum over them, not the sum.</remarks>
public sealed partial class DepthSampler : BackgroundService
{
    private readonly Bus _bus;
    private readonly NatsLink _nats;
    private readonly JetStream _jetStream;
    private readonly PostgresEventStore _store;
    private readonly MessagingOptions _options;
    private readonly TimeProvider _time;
    private readonly ILogger<DepthSampler> _log;
    private readonly Meter _meter = new(MessagingTelemetry.Name);
    private volatile Sample _last = new(0, 0, 0, []);

    /// <summary>Makes the instruments; they are empty until the first look.</summary>
    /// <param name="bus">Whose consumers.</param>
    /// <param name="nats">Asked only while it is connected.</param>
    /// <param name="jetStream">Knows what waits before a consumer.</param>
    /// <param name="store">Holds outbox and dead letters.</param>
    /// <param name="options">How often to look.</param>
    /// <param name="time">The clock of ages.</param>
    /// <param name="log">Where a failed look is told.</param>
    public DepthSampler(Bus bus, NatsLink nats, JetStream jetStream, PostgresEventStore store, MessagingOptions options, TimeProvider time, ILogger<DepthSampler> log)
    {
        (_bus, _nats, _jetStream, _store, _options, _time, _log) = (bus, nats, jetStream, store, options, time, log);
        _meter.CreateObservableGauge("agentplatform.outbox.waiting", () => Of(s => s.OutboxWaiting), "{message}", "Messages that are due and not yet acknowledged by JetStream");
        _meter.CreateObservableGauge("agentplatform.outbox.age", () => Of(s => s.OutboxAge), "s", "How long the oldest of them has been due");
        _meter.CreateObservableGauge("agentplatform.dead_letters.waiting", () => Of(s => s.DeadLetters), "{message}", "Dead letters that nobody has seen to");
        _meter.CreateObservableGauge("agentplatform.consumer.pending", () => Each(c => c.Pending), "{message}", "Messages that JetStream has not yet given to the consumer");
        _meter.CreateObservableGauge("agentplatform.consumer.unacknowledged", () => Each(c => c.Unacknowledged), "{message}", "Messages given to the consumer and not yet acknowledged");
    }

    /// <inheritdoc/>
    public override void Dispose()
    {
        _meter.Dispose();
        base.Dispose();
    }

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                _last = await Look(stoppingToken);
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                return;
            }
            catch (Exception e) when (Transient.Is(e) || e is JetStreamException)
            {
                NotSeen(e.Message, _options.DepthEvery);
            }

            await Task.Delay(_options.DepthEvery, _time, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private async Task<Sample> Look(CancellationToken ct)
    {
        var now = _time.GetUtcNow();
        await using var command = _store.Database.CreateCommand(
            """
            select waiting.n + unacknowledged.n, least(waiting.since, unacknowledged.since), (select count(*) from ap_dead_letters where retried_at is null and discarded_at is null)
            from (select count(*) as n, min(deliver_at) as since from ap_outbox where deliver_at <= $1) waiting,
                 (select coalesce(sum(c.last - c.published), 0)::bigint as n, min(s.sent_at) as since
                  from ap_channels c left join ap_sent s on s.channel = c.id and s.position = c.published + 1 where c.last > c.published) unacknowledged
            """);
        command.Parameters.Add(new NpgsqlParameter { Value = now, NpgsqlDbType = NpgsqlTypes.NpgsqlDbType.TimestampTz });
        Sample seen;
        await using (var reader = await command.ExecuteReaderAsync(ct))
        {
            await reader.ReadAsync(ct);
            seen = new Sample(reader.GetInt64(0), reader.IsDBNull(1) ? 0 : Math.Max(0, (now - reader.GetFieldValue<DateTimeOffset>(1)).TotalSeconds), reader.GetInt64(2), []);
        }

        if (!_nats.IsConnected)
        {
            return seen;
        }

        var consumers = new List<Depth>();
        foreach (var handler in _bus.Handlers)
        {
            try
            {
                var consumer = await _jetStream.StateOf(handler.Stream, handler.Consumer, ct);
                consumers.Add(new Depth(handler.Consumer, consumer.Waiting, consumer.Unacknowledged));
            }
            catch (JetStreamException e) when (e.IsNotThere)
            {
                // Not made yet: nothing waits before it.
            }
        }

        return seen with { Consumers = consumers };
    }

    private IEnumerable<Measurement<T>> Of<T>(Func<Sample, T> value)
        where T : struct => [new Measurement<T>(value(_last), new KeyValuePair<string, object?>("service", _bus.Service))];

    private IEnumerable<Measurement<long>> Each(Func<Depth, long> value) => _last.Consumers.Select(c => new Measurement<long>(value(c), new KeyValuePair<string, object?>("handler", c.Consumer)));

    [LoggerMessage(2511, LogLevel.Debug, "What waits could not be counted: {Cause}; next look in {Delay}")]
    private partial void NotSeen(string cause, TimeSpan delay);

    private sealed record Sample(long OutboxWaiting, double OutboxAge, long DeadLetters, IReadOnlyList<Depth> Consumers);

    private sealed record Depth(string Consumer, long Pending, long Unacknowledged);
}
