using System.Diagnostics;
using System.Text.Json;
using AgentPlatform.Contracts;
using AgentPlatform.EventStore;
using Npgsql;
using NpgsqlTypes;

namespace AgentPlatform.Messaging;

/// <summary>A message to be sent later: a time-out is a message sent to oneself.</summary>
/// <param name="Message">The message.</param>
/// <param name="Delay">From the commit's clock on.</param>
public sealed record Scheduled(IMessage Message, TimeSpan Delay);

/// <summary>Reads as a sentence: <c>new AttemptOverdue(run).In(limit)</c>.</summary>
public static class ScheduledMessages
{
    /// <summary>Sends the message after a while instead of at once.</summary>
    /// <param name="message">The message.</param>
    /// <param name="delay">Not negative.</param>
    public static Scheduled In(this IMessage message, TimeSpan delay) =>
        delay >= TimeSpan.Zero ? new Scheduled(message, delay) : throw new ArgumentOutOfRangeException(nameof(delay), delay, "A message cannot be sent in the past");
}

/// <summary>Puts messages into the outbox, in the transaction of the facts they tell of.</summary>
/// <param name="service">The sending service; CloudEvents <c>source</c>.</param>
/// <param name="wake">Wakes the relay after the commit.</param>
/// <param name="time">The clock of envelopes and of delays.</param>
public sealed class Outgoing(string service, OutboxSignal wake, TimeProvider time)
{
    /// <summary>Adds messages to a unit of work.</summary>
    /// <param name="session">The unit of work; its correlation goes along.</param>
    /// <param name="messages">Contract messages, or <see cref="Scheduled"/> ones.</param>
    public void Send(IPostgresSession session, params IReadOnlyCollection<object> messages)
    {
        ArgumentNullException.ThrowIfNull(session);
        ArgumentNullException.ThrowIfNull(messages);
        if (messages.Count == 0)
        {
            return;
        }

        var now = time.GetUtcNow();
        var rows = new Rows(messages.Count, now);
        foreach (var outgoing in messages)
        {
            var (message, delay) = outgoing switch
            {
                Scheduled later => (later.Message, later.Delay),
                IMessage m => (m, TimeSpan.Zero),
                _ => throw new ArgumentException($"{outgoing.GetType().Name} is no message: contracts implement ICommand or IIntegrationEvent", nameof(messages)),
            };
            Add(rows, message, session, now, now + delay);
        }

        session.Enlist(Rows.Stored, rows);
        session.AfterCommit(wake.Stored);
    }

    private void Add(Rows rows, IMessage message, IEventSession session, DateTimeOffset now, DateTimeOffset deliverAt)
    {
        var id = Guid.CreateVersion7(now);
        var subject = Subjects.Of(message);
        var type = message.GetType();
        using var activity = MessagingTelemetry.Source.StartActivity($"send {Subjects.TypeName(type).Split('.')[^2]}", ActivityKind.Producer);
        activity?.SetTag("messaging.system", "nats").SetTag("messaging.destination.name", subject).SetTag("messaging.message.id", id);
        var envelope = new CloudEvent(
            id.ToString(), $"/{service}", Subjects.TypeName(type), subject, now, Activity.Current?.Id, session.CorrelationId, session.CausationId,
            JsonSerializer.SerializeToElement(message, type, ContractJson.Options));
        rows.Add(id, subject, JsonSerializer.SerializeToUtf8Bytes(envelope, ContractJson.Options), deliverAt);
    }

    /// <summary>The messages of one unit of work.</summary>
    private sealed class Rows(int count, DateTimeOffset now)
    {
        /// <summary>One statement for all messages of all units that are stored together. The relay takes messages in the order of their positions, so these are drawn in the order the messages came.</summary>
        public static SharedStatement Stored { get; } = new(rows => Insert(rows.Count == 1 ? (Rows)rows[0] : Joined(rows.Cast<Rows>())));

        public List<Guid> Ids { get; } = new(count);

        public List<string> Subjects { get; } = new(count);

        public List<byte[]> Envelopes { get; } = new(count);

        public List<DateTimeOffset> DeliverAt { get; } = new(count);

        public List<DateTimeOffset> StoredAt { get; } = new(count);

        public void Add(Guid id, string subject, byte[] envelope, DateTimeOffset deliverAt)
        {
            Ids.Add(id);
            Subjects.Add(subject);
            Envelopes.Add(envelope);
            DeliverAt.Add(deliverAt);
            StoredAt.Add(now);
        }

        private static Rows Joined(IEnumerable<Rows> units)
        {
            var all = new Rows(units.Sum(u => u.Ids.Count), default);
            foreach (var unit in units)
            {
                all.Ids.AddRange(unit.Ids);
                all.Subjects.AddRange(unit.Subjects);
                all.Envelopes.AddRange(unit.Envelopes);
                all.DeliverAt.AddRange(unit.DeliverAt);
                all.StoredAt.AddRange(unit.StoredAt);
            }

            return all;
        }

        private static NpgsqlBatchCommand Insert(Rows rows) => new(
            """
            insert into ap_outbox (id, subject, envelope, deliver_at, created_at)
            select m.id, m.subject, m.envelope, m.deliver_at, m.created_at
            from unnest($1, $2, $3, $4, $5) with ordinality as m (id, subject, envelope, deliver_at, created_at, n) order by m.n
            """)
        {
            Parameters =
            {
                new() { Value = rows.Ids.ToArray() },
                new() { Value = rows.Subjects.ToArray(), NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Varchar },
                new() { Value = rows.Envelopes.ToArray() },
                new() { Value = rows.DeliverAt.ToArray(), NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.TimestampTz },
                new() { Value = rows.StoredAt.ToArray(), NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.TimestampTz },
            },
        };
    }
}

/// <summary>Wakes the relay of this process when the outbox has something new.</summary>
public sealed class OutboxSignal
{
    private TaskCompletionSource _next = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Take this before looking, wait on it afterwards.</summary>
    public Task Next => Volatile.Read(ref _next).Task;

    /// <summary>Called after a commit that stored messages.</summary>
    public void Stored() => Interlocked.Exchange(ref _next, new(TaskCreationOptions.RunContinuationsAsynchronously)).TrySetResult();
}
