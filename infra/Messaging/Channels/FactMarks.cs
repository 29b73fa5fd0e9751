using AgentPlatform.Contracts;
using AgentPlatform.EventStore;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace AgentPlatform.Messaging;

/// <summary>Told by Audit: up to where it has every fact of a service.</summary>
/// <param name="Service">Whose facts.</param>
/// <param name="Complete">The sequence of the last fact before which none is missing; 0 when the first one is.</param>
/// <param name="IsDrained">Whether nothing waited for Audit in JetStream, delivered or not, before it looked.</param>
internal sealed record FactsTold(string Service, long Complete, bool IsDrained);

/// <summary>Where Audit says what it has; it belongs to the taker of <see cref="RecordFacts"/> alone.</summary>
public interface IFactMarks
{
    /// <summary>Up to where everything is there, for every service known; 0 for one that has told nothing yet.</summary>
    /// <param name="ct">Cancels the read.</param>
    Task<IReadOnlyDictionary<string, long>> Complete(CancellationToken ct);
}

/// <summary>Tells every service's <see cref="FactRelay"/> now and then up to where Audit has its facts, so that the relay notices what JetStream lost.</summary>
public sealed partial class FactMarksTeller(Bus bus, NatsLink nats, JetStream jetStream, IFactMarks marks, MessagingOptions options, TimeProvider time, ILogger<FactMarksTeller> log) : BackgroundService
{
    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var pace = new PeriodicTimer(options.ReconcileEvery, time);
        while (await pace.WaitForNextTickAsync(stoppingToken))
        {
            try
            {
                await Tell(stoppingToken);
            }
            catch (Exception e) when (Transient.Is(e) || e is JetStreamException)
            {
                NotTold(e.Message, options.ReconcileEvery);
            }
        }
    }

    private async Task Tell(CancellationToken ct)
    {
        var handler = bus.Handlers.Single(h => h.TypeName == Subjects.TypeName(typeof(RecordFacts)));

        // JetStream first: what it had then no longer is either in the marks or lost.
        var consumer = await jetStream.StateOf(handler.Stream, handler.Consumer, ct);
        foreach (var (service, complete) in await marks.Complete(ct))
        {
            nats.Publish(jetStream.SubjectOf(ChannelSubjects.Facts(service)), ChannelJson.Write(new FactsTold(service, complete, consumer is { Waiting: 0, Unacknowledged: 0 })));
        }
    }

    [LoggerMessage(2411, LogLevel.Warning, "Services could not be told which of their facts are here: {Cause}; next try in {Delay}")]
    private partial void NotTold(string cause, TimeSpan delay);
}
