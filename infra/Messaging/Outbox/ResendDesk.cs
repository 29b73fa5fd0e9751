using System.Collections.Concurrent;
using System.Text.Json;

namespace AgentPlatform.Messaging;

/// <summary>Takes in what receivers ask a sender, while its relay leads; the relay answers between two batches.</summary>
internal sealed class ResendDesk : IDisposable
{
    private readonly ConcurrentQueue<(ResendAsked Asked, string Reply)> _asked = new();
    private readonly IDisposable[] _subscriptions;
    private int _wantsNews;

    public ResendDesk(string service, NatsLink nats, JetStream jetStream, OutboxSignal signal, MessagingOptions options)
    {
        _subscriptions =
        [
            nats.Subscribe(jetStream.SubjectOf(ChannelSubjects.Ask), (_, _, _) =>
            {
                Volatile.Write(ref _wantsNews, 1);
                signal.Stored();
            }),
            nats.Subscribe(jetStream.SubjectOf(ChannelSubjects.Resend(service)), (_, reply, json) =>
            {
                if (reply is not null && _asked.Count < options.ResendsPendingMax && Read(json) is { } asked)
                {
                    _asked.Enqueue((asked, reply));
                    signal.Stored();
                }
            }),
        ];
    }

    /// <summary>Whether somebody asked what was sent, since this was looked at last.</summary>
    public bool WasAsked => Interlocked.Exchange(ref _wantsNews, 0) == 1;

    public (ResendAsked Asked, string Reply)? Next() => _asked.TryDequeue(out var next) ? next : null;

    public void Dispose()
    {
        foreach (var subscription in _subscriptions)
        {
            subscription.Dispose();
        }
    }

    // Anybody on the bus may write here; what cannot be read is nobody's request, and who waits for the answer runs into the time-out.
    private static ResendAsked? Read(byte[] json)
    {
        try
        {
            return ChannelJson.Read<ResendAsked>(json);
        }
        catch (JsonException)
        {
            return null;
        }
    }
}
