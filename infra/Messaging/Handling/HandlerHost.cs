using System.Collections.Concurrent;
using System.Diagnostics;
using System.Text.Json;
using AgentPlatform.Contracts;
using AgentPlatform.EventStore;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace AgentPlatform.Messaging;

/// <summary>Runs the handlers of a service: pull, handle once, acknowledge after the commit; try again, or give up into the dead letters.</summary>
public sealed partial class HandlerHost(
    Bus bus, NatsLink nats, JetStream jetStream, DecisionWriter writer, DeadLetters deadLetters, PostgresEventStore store, MessagingOptions options, FaultPoints faults,
    TimeProvider time, ILogger<HandlerHost> log) : BackgroundService
{
    private readonly KeyedQueue _queue = new();
    private readonly ConcurrentDictionary<string, PullConsumer> _consumers = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<Delivery, bool> _atWork = new();
    private readonly ConcurrentDictionary<string, int> _failures = new(StringComparer.Ordinal);
    private readonly ConcurrentQueue<Delivery> _unfinished = new();
    private readonly HandlerServices _services = new(writer);
    private readonly CancellationTokenSource _drained = new();
    private readonly RetryPolicy _retry = new() { AttemptsMax = options.AttemptsMax, FirstDelay = options.RetryDelay, DelayMax = options.RetryDelayMax };

    /// <summary>Deliveries taken and not done with.</summary>
    internal int AtWork => _atWork.Count;

    /// <summary>What it is at, for whoever wonders why nothing moves.</summary>
    internal string Doing => string.Join("; ", _consumers.Values.Select(c => c.Doing));

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await Task.WhenAll(bus.Handlers.Select(handler => Consume(handler, stoppingToken)).Append(Heartbeat(stoppingToken)));
    }

    /// <inheritdoc/>
    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        // From here on nothing is pulled: what is given back now does not come back to this process.
        await base.StopAsync(cancellationToken);
        GiveBack();

        // What is at work may finish; what is not finished in time is cancelled and delivered again.
        await AllDone(options.DrainMax, cancellationToken);
        await _drained.CancelAsync();
        await AllDone(TimeSpan.FromSeconds(1), cancellationToken);
        GiveBack();
        await Heard(cancellationToken);
    }

    /// <inheritdoc/>
    public override void Dispose()
    {
        _drained.Dispose();
        base.Dispose();
    }

    // An answer proves that the server has everything said before it; a connection that closes at once may take the last words with it.
    private async Task Heard(CancellationToken ct)
    {
        try
        {
            if (nats.IsConnected)
            {
                await nats.Request("$JS.API.INFO", [], ct);
            }
        }
        catch (Exception e) when (Transient.Is(e) || e is OperationCanceledException)
        {
            NotHeard(e.Message, options.AckWait);
        }
    }

    // So that another replica, or this one after its restart, has the message at once and not when the acknowledgement time is over.
    private void GiveBack()
    {
        while (_unfinished.TryDequeue(out var delivery))
        {
            delivery.GiveBack();
        }
    }

    private async Task AllDone(TimeSpan within, CancellationToken ct)
    {
        var begun = time.GetTimestamp();
        while (!_atWork.IsEmpty && time.GetElapsedTime(begun) < within && !ct.IsCancellationRequested)
        {
            await Task.Delay(TimeSpan.FromMilliseconds(20), time, ct).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private async Task Consume(Handler handler, CancellationToken stop)
    {
        var slots = new SemaphoreSlim(handler.Options.ConcurrencyMax ?? options.ConcurrencyMax);
        while (!stop.IsCancellationRequested)
        {
            try
            {
                await nats.WaitConnected(stop);
                await jetStream.EnsureStreams(stop);
                var consumer = new PullConsumer(nats, jetStream, handler, options, time);
                _consumers[handler.Consumer] = consumer;
                await consumer.Run(delivery => Take(handler, consumer, slots, delivery, stop), stop);
            }
            catch (OperationCanceledException) when (stop.IsCancellationRequested)
            {
                return;
            }
            catch (Exception e) when (Transient.Is(e) || e is JetStreamException)
            {
                Interrupted(handler.Consumer, e.Message, options.RetryDelay);
                await Task.Delay(options.RetryDelay, time, stop).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }

    private void Take(Handler handler, PullConsumer consumer, SemaphoreSlim slots, Delivery delivery, CancellationToken stop)
    {
        _atWork[delivery] = true;
        CloudEvent? envelope = null;
        IMessage message;
        try
        {
            envelope = JsonSerializer.Deserialize<CloudEvent>(delivery.Payload, ContractJson.Options) ?? throw new JsonException("The message is null");
            message = handler.Read(envelope.Data);
        }
        catch (JsonException e)
        {
            _ = Finish(() => GiveUp(handler, delivery, messageId: DerivedId.Of(Convert.ToHexString(System.Security.Cryptography.SHA256.HashData(delivery.Payload))).ToString(), envelope, e, delivery.Delivered));
            return;
        }

        if (envelope.RetryFor is { } only && only != handler.Consumer)
        {
            // A dead letter of another handler, sent again under a new number; this one has had the message.
            _ = Finish(() => PassOver(handler, delivery, envelope));
            return;
        }

        var key = handler.Options.Key is { } keyOf ? keyOf(message) : envelope.CorrelationId;
        _ = _queue.Enqueue(key is null ? null : $"{handler.Stream}/{key}", () => Finish(async () =>
        {
            await slots.WaitAsync(stop);
            try
            {
                // A slot may come free in the instant of the stop, and the wait end with it rather than with the cancellation.
                stop.ThrowIfCancellationRequested();
                await Handle(handler, delivery, envelope, message, _drained.Token);
            }
            finally
            {
                slots.Release();
            }
        }));

        async Task Finish(Func<Task> work)
        {
            try
            {
                await work();
            }
            catch (OperationCanceledException) when (stop.IsCancellationRequested || _drained.IsCancellationRequested)
            {
                _unfinished.Enqueue(delivery);
            }
            finally
            {
                _atWork.TryRemove(delivery, out _);
                consumer.Release();
            }
        }
    }

    private async Task Handle(Handler handler, Delivery delivery, CloudEvent envelope, IMessage message, CancellationToken ct)
    {
        using var activity = MessagingTelemetry.Source.StartActivity($"process {handler.TypeName.Split('.')[^2]}", ActivityKind.Consumer, envelope.TraceParent);
        activity?.SetTag("messaging.system", "nats").SetTag("messaging.destination.name", delivery.Subject).SetTag("messaging.message.id", envelope.Id)
            .SetTag("messaging.consumer.group.name", handler.Consumer);
        var now = time.GetUtcNow();
        var begun = time.GetTimestamp();
        MessagingTelemetry.Age.Record(Math.Max(0, (now - envelope.Time).TotalSeconds), new KeyValuePair<string, object?>("message", handler.TypeName));
        var outcome = "handled";
        try
        {
            await faults.Reach(FaultPoint.Delivered);
            var context = new MessageContext(envelope, delivery.Delivered, now) { Handler = handler.Consumer };
            await handler.Handle(_services, message, context, ct);
            if (!context.IsCompleted)
            {
                // A message that changed nothing was handled all the same; without this it would look lost. As a unit of work it shares its commit with others.
                var mark = store.Open();
                context.Complete(mark);
                await mark.SaveChanges(ct);
            }

            await faults.Reach(FaultPoint.Handled);

            // Acknowledged after the commit: a crash in between repeats the message, and the inbox makes the repeat harmless.
            delivery.Done();
            await faults.Reach(FaultPoint.Confirmed);
            _failures.TryRemove(envelope.Id, out _);
        }
        catch (PostgresException e) when (Inbox.KnowsAlready(e))
        {
            outcome = "duplicate";
            delivery.Done();
        }
        catch (Exception e) when (e is not OperationCanceledException || !ct.IsCancellationRequested)
        {
            activity?.SetStatus(ActivityStatusCode.Error, e.Message).AddException(e);
            outcome = await Failed(handler, delivery, envelope, e);
        }

        MessagingTelemetry.HandleTime.Record(time.GetElapsedTime(begun).TotalSeconds, new KeyValuePair<string, object?>("message", handler.TypeName));
        MessagingTelemetry.Handled.Add(1, new("message", handler.TypeName), new KeyValuePair<string, object?>("outcome", outcome));
    }

    private async Task<string> Failed(Handler handler, Delivery delivery, CloudEvent envelope, Exception cause)
    {
        var messageId = envelope.Id;
        var passes = Transient.Is(cause);
        var failures = passes ? _failures.GetValueOrDefault(messageId) : _failures.AddOrUpdate(messageId, 1, (_, n) => n + 1);
        var policy = handler.Options.Retry ?? _retry;
        if (failures >= policy.AttemptsMax || (!passes && policy.IsHopeless(cause)) || delivery.Delivered >= options.DeliveriesMax)
        {
            await GiveUp(handler, delivery, messageId, envelope, cause, Math.Max(failures, 1));
            return "dead_letter";
        }

        var delay = policy.Delay(delivery.Delivered);
        HandlerFailed(cause, handler.Consumer, messageId, delay);
        MessagingTelemetry.Retries.Add(1, new KeyValuePair<string, object?>("message", handler.TypeName));
        delivery.Again(delay);
        return "retry";
    }

    private async Task PassOver(Handler handler, Delivery delivery, CloudEvent envelope)
    {
        try
        {
            await Inbox.Store(store.Database, _drained.Token, Inbox.Pass(envelope, handler.Consumer));
            delivery.Done();
        }
        catch (Exception e) when (Transient.Is(e))
        {
            HandlerFailed(e, handler.Consumer, envelope.Id, options.RetryDelayMax);
            delivery.Again(options.RetryDelayMax);
        }
    }

    private async Task GiveUp(Handler handler, Delivery delivery, string messageId, CloudEvent? envelope, Exception cause, int attempts)
    {
        try
        {
            await Inbox.Store(store.Database, CancellationToken.None, deadLetters.Bury(handler, delivery, messageId, cause, attempts), Inbox.Pass(envelope, handler.Consumer));
            await faults.Reach(FaultPoint.Buried);
        }
        catch (Exception e) when (Transient.Is(e))
        {
            HandlerFailed(e, handler.Consumer, messageId, options.RetryDelayMax);
            delivery.Again(options.RetryDelayMax);
            return;
        }

        GaveUp(cause, handler.Consumer, messageId, attempts);
        MessagingTelemetry.DeadLetters.Add(1, new KeyValuePair<string, object?>("message", handler.TypeName));
        _failures.TryRemove(messageId, out _);
        delivery.GiveUp();
    }

    // Whoever holds messages longer than the acknowledgement time says so, or the server would give them to somebody else.
    private async Task Heartbeat(CancellationToken stop)
    {
        while (!stop.IsCancellationRequested)
        {
            await Task.Delay(options.AckWait / 3, time, stop).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            foreach (var (delivery, _) in _atWork)
            {
                delivery.StillAtIt();
            }
        }
    }

    [LoggerMessage(2201, LogLevel.Warning, "Consumer {Consumer} was interrupted: {Cause}; next try in {Delay}")]
    private partial void Interrupted(string consumer, string cause, TimeSpan delay);

    [LoggerMessage(2202, LogLevel.Warning, "{Handler} failed on message {Message}; it is tried again in {Delay}")]
    private partial void HandlerFailed(Exception cause, string handler, string message, TimeSpan delay);

    [LoggerMessage(2204, LogLevel.Information, "NATS could not be told what was finished and given back: {Cause}; it delivers again within {AckWait}")]
    private partial void NotHeard(string cause, TimeSpan ackWait);

    [LoggerMessage(2203, LogLevel.Error, "{Handler} gave up on message {Message} after {Attempts} attempts; it waits among the dead letters")]
    private partial void GaveUp(Exception cause, string handler, string message, int attempts);
}
