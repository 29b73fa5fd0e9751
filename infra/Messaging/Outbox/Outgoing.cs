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
        foreach (var outgoing in messages)
        {
            var (message, delay) = outgoing switch
            {
                Scheduled later => (later.Message, later.Delay),
                IMessage m => (m, TimeSpan.Zero),
                _ => throw new ArgumentException($"{outgoing.GetType().Name} is no message: contracts implement ICommand or IIntegrationEvent", nameof(messages)),
            };
            session.Enlist(Insert(message, session, now, now + delay));
        }

        session.AfterCommit(wake.Stored);
    }

    private NpgsqlBatchCommand Insert(IMessage message, IEventSession session, DateTimeOffset now, DateTimeOffset deliverAt)
    {
        var id = Guid.CreateVersion7(now);
        var subject = Subjects.Of(message);
        var type = message.GetType();
        using var activity = MessagingTelemetry.Source.StartActivity($"send {Subjects.TypeName(type).Split('.')[^2]}", ActivityKind.Producer);
        activity?.SetTag("messaging.system", "nats").SetTag("messaging.destination.name", subject).SetTag("messaging.message.id", id);
        var envelope = new CloudEvent(
            id.ToString(), $"/{service}", Subjects.TypeName(type), subject, now, Activity.Current?.Id, session.CorrelationId, session.CausationId,
            JsonSerializer.SerializeToElement(message, type, ContractJson.Options));
        return new NpgsqlBatchCommand("insert into ap_outbox (id, subject, envelope, deliver_at, created_at) values ($1, $2, $3, $4, $5)")
        {
            Parameters =
            {
                new() { Value = id },
                new() { Value = subject },
                new() { Value = JsonSerializer.SerializeToUtf8Bytes(envelope, ContractJson.Options) },
                new() { Value = deliverAt, NpgsqlDbType = NpgsqlDbType.TimestampTz },
                new() { Value = now, NpgsqlDbType = NpgsqlDbType.TimestampTz },
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
