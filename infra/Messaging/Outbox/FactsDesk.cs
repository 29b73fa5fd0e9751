using System.Text.Json;

namespace AgentPlatform.Messaging;

/// <summary>Takes in what Audit tells it has, while the fact relay leads, and says when facts have to be handed over again.</summary>
/// <remarks>Handing over once too often costs time and nothing else: Audit knows a fact by service and sequence.</remarks>
internal sealed class FactsDesk : IDisposable
{
    // The patience doubles with every try that did not help, up to 64 times: facts that Audit cannot take must not keep the bus busy.
    private const int DoublingsMax = 6;

    private readonly MessagingOptions _options;
    private readonly TimeProvider _time;
    private readonly IDisposable _subscription;
    private FactsTold? _told;
    private Standstill? _standstill;

    public FactsDesk(string service, NatsLink nats, JetStream jetStream, MessagingOptions options, TimeProvider time)
    {
        (_options, _time) = (options, time);
        _subscription = nats.Subscribe(jetStream.SubjectOf(ChannelSubjects.Facts(service)), (_, _, json) => Volatile.Write(ref _told, Read(json) ?? Volatile.Read(ref _told)));
    }

    /// <summary>After which fact to begin again, if what was handed over does not arrive.</summary>
    /// <param name="handedOver">The last fact that JetStream acknowledged.</param>
    public long? BeginAgainAfter(long handedOver)
    {
        if (Interlocked.Exchange(ref _told, null) is not { } told)
        {
            return null;
        }

        if (told.Complete >= handedOver)
        {
            _standstill = null;
            return null;
        }

        if (_standstill is not { } still || still.Mark != told.Complete)
        {
            _standstill = new Standstill(told.Complete, _time.GetTimestamp(), Tries: 0);
            return null;
        }

        var patience = (told.IsDrained ? _options.FactsGrace : _options.GapGrace) * (1 << Math.Min(still.Tries, DoublingsMax));
        if (_time.GetElapsedTime(still.Since) < patience)
        {
            return null;
        }

        _standstill = new Standstill(still.Mark, _time.GetTimestamp(), still.Tries + 1);
        return still.Mark;
    }

    public void Dispose() => _subscription.Dispose();

    // Anybody on the bus may write here; what cannot be read was not told by Audit.
    private static FactsTold? Read(byte[] json)
    {
        try
        {
            return ChannelJson.Read<FactsTold>(json) is { Complete: >= 0 } told ? told : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    /// <summary>Since when Audit stands at a mark behind what it was handed, or was last handed it again, and how often it was.</summary>
    private sealed record Standstill(long Mark, long Since, int Tries);
}
