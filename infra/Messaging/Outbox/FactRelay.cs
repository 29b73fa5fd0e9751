using System.Text.Json;
using AgentPlatform.Contracts;
using AgentPlatform.EventStore;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace AgentPlatform.Messaging;

/// <summary>Hands every event of the service's store to Audit, in the order of the store; one process of a service at a time.</summary>
/// <remarks>
/// The events themselves are the outbox: the position of the last acknowledged one is kept in <c>mt_event_progression</c>. A crash before the position is
/// stored hands the same events over again; Audit knows them by service and sequence.
/// </remarks>
public sealed partial class FactRelay(
    string service, PostgresEventStore store, EventStoreOptions storeOptions, NatsLink nats, JetStream jetStream, MessagingOptions options, FaultPoints faults, TimeProvider time, ILogger<FactRelay> log) : BackgroundService
{
    private const string ProgressName = "ap:audit-relay";

    private readonly LeaderLoop _loop = new(store.Database, storeOptions, options, time);

    /// <summary>What it is at, for whoever wonders why nothing moves.</summary>
    internal string Doing => _loop.Doing;

    /// <inheritdoc/>
    protected override Task ExecuteAsync(CancellationToken stoppingToken) => _loop.Run("ap_facts", Relay, Interrupted, stoppingToken);

    private async Task Relay(CancellationToken ct)
    {
        await nats.WaitConnected(ct);
        await jetStream.EnsureStreams(ct);
        var (position, last) = await Progress(ct);
        store.HighWater.StartAt(position);
        using var desk = new FactsDesk(service, nats, jetStream, options, time);
        string? again = null;
        while (true)
        {
            var next = store.Signal.Next;
            if (desk.BeginAgainAfter(last) is { } mark)
            {
                HandingOverAgain(mark, last);
                MessagingTelemetry.FactsAgain.Add(1);
                (position, last, again) = (mark, mark, Guid.CreateVersion7().ToString());
                await Keep(position, last, ct);
            }

            var page = await store.ReadCommitted(position, options.FactsPerMessageMax, streams: null, ct);
            foreach (var part in Parts(page.Events))
            {
                var facts = Message(last, part);
                await jetStream.Publish(Subjects.Of(facts), Envelope(facts, again), ct);
                await faults.Reach(FaultPoint.FactsAcknowledged);
                last = part[^1].Sequence;
            }

            if (page.HighWater > position)
            {
                position = page.HighWater;
                await Keep(position, last, ct);
                await faults.Reach(FaultPoint.FactsKept);
            }

            if (!page.More)
            {
                await store.Signal.Wait(next, ct);
            }
        }
    }

    private RecordFacts Message(long after, List<StoredEvent> events) =>
        new(service, after, events.ConvertAll(e => new RecordedFact(
            e.Sequence, e.Id, e.Stream, e.Version, e.Type, e.At, e.Correlation, e.Causation, JsonSerializer.Deserialize<JsonElement>(e.Json.Span))).ToArray());

    private byte[] Envelope(RecordFacts facts, string? again)
    {
        // The id follows from the content, so that the same facts told twice are the same message. Not so when they are handed over again because Audit
        // stands still: its inbox may know the message, from a dead letter or from before it kept marks, and would pass over it.
        var id = DerivedId.Of(service, facts.Facts[0].Sequence.ToString(), facts.Facts[^1].Sequence.ToString() + again);
        return JsonSerializer.SerializeToUtf8Bytes(
            new CloudEvent(
                id.ToString(), $"/{service}", Subjects.TypeName(typeof(RecordFacts)), Subjects.Of(facts), time.GetUtcNow(), TraceParent: null, CorrelationId: service, CausationId: null,
                JsonSerializer.SerializeToElement(facts, ContractJson.Options)),
            ContractJson.Options);
    }

    private IEnumerable<List<StoredEvent>> Parts(IReadOnlyList<StoredEvent> events)
    {
        var (part, bytes) = (new List<StoredEvent>(), 0);
        foreach (var e in events)
        {
            if (part.Count > 0 && bytes + e.Json.Length > options.FactBytesPerMessageMax)
            {
                yield return part;
                (part, bytes) = ([], 0);
            }

            part.Add(e);
            bytes += e.Json.Length;
        }

        if (part.Count > 0)
        {
            yield return part;
        }
    }

    private async Task<(long Position, long LastFact)> Progress(CancellationToken ct)
    {
        await using var command = store.Database.CreateCommand(
            """
            select coalesce((select last_seq_id from mt_event_progression where name = $1), 0),
                   coalesce((select max(seq_id) from mt_events where seq_id <= coalesce((select last_seq_id from mt_event_progression where name = $1), 0)), 0)
            """);
        command.Parameters.Add(new() { Value = ProgressName });
        await using var reader = await command.ExecuteReaderAsync(ct);
        await reader.ReadAsync(ct);
        return (reader.GetInt64(0), reader.GetInt64(1));
    }

    private async Task Keep(long position, long last, CancellationToken ct)
    {
        await using var command = store.Database.CreateCommand(
            """
            insert into mt_event_progression (name, last_seq_id, last_updated) values ($1, $2, now())
            on conflict (name) do update set last_seq_id = excluded.last_seq_id, last_updated = excluded.last_updated
            """);
        command.Parameters.Add(new() { Value = ProgressName });
        command.Parameters.Add(new() { Value = position });
        await command.ExecuteNonQueryAsync(ct);
        HandedOver(last);
    }

    [LoggerMessage(2111, LogLevel.Warning, "Handing events to Audit was interrupted: {Cause}; next try in {Delay}")]
    private partial void Interrupted(string cause, TimeSpan delay);

    [LoggerMessage(2113, LogLevel.Warning, "Audit stands still at {Mark} although JetStream acknowledged every event up to {Last}: messages were lost on the way; handing over again from there")]
    private partial void HandingOverAgain(long mark, long last);

    [LoggerMessage(2112, LogLevel.Debug, "Audit has every event up to {Sequence}")]
    private partial void HandedOver(long sequence);
}
