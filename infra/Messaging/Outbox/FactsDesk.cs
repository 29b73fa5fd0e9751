using System.Text.Json;

namespace AgentPlatform.Messaging;

/// <summary>Takes in what Audit tells it has, while the fact relay leads, and says when facts have to be handed over again.</summary>
/// <remarks>Handing over once too often costs time and nothing else: Audit knows a fact by service and sequence.</remarks>
internal sealed class FactsDesk : IDisposable
{
    private readonly FactsPatience _patience;
    private readonly IDisposable _subscription;
    private FactsTold? _told;

    public FactsDesk(string service, NatsLink nats, JetStream jetStream, MessagingOptions options, TimeProvider time)
    {
        _patience = new FactsPatience(options, time);
        _subscription = nats.Subscribe(jetStream.SubjectOf(ChannelSubjects.Facts(service)), (_, _, json) => Volatile.Write(ref _told, Read(json) ?? Volatile.Read(ref _told)));
    }

    /// <summary>After which fact to begin again, if what was handed over does not arrive.</summary>
    /// <param name="handedOver">The last fact that JetStream acknowledged.</param>
    public long? BeginAgainAfter(long handedOver) => Interlocked.Exchange(ref _told, null) is { } told ? _patience.BeginAgainAfter(told, handedOver) : null;

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
}
