using System.Text;
using System.Threading.Channels;

namespace AgentPlatform.Messaging;

/// <summary>Pulls messages of one durable consumer as fast as there is room for them, and asks again after every interruption.</summary>
internal sealed class PullConsumer(NatsLink nats, JetStream jetStream, Handler handler, MessagingOptions options, TimeProvider time)
{
    // The server ends a pull by itself after this; shorter would only cost requests, longer would outlive a lost connection.
    private static readonly TimeSpan PullFor = TimeSpan.FromSeconds(30);
    private readonly Channel<bool> _wake = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });
    private int _asked;
    private int _held;

    private int HeldMax => Math.Max(options.HeldMax, handler.Options.ConcurrencyMax ?? 0);

    /// <summary>Runs until cancelled; every delivery is handed to <paramref name="take"/>, which calls <see cref="Release"/> when it is done with it.</summary>
    public async Task Run(Action<Delivery> take, CancellationToken ct)
    {
        await jetStream.EnsureConsumer(handler.Stream, handler.Consumer, handler.Filter, HeldMax, ct);
        var inbox = $"_INBOX.{Guid.CreateVersion7():n}";
        using var subscription = await nats.Subscribe(inbox, (subject, reply, payload) => Arrived(subject, reply, payload, take), ct);
        nats.Reconnected += AskAgain;
        try
        {
            var next = $"$JS.API.CONSUMER.MSG.NEXT.{handler.Stream}.{handler.Consumer}";
            while (true)
            {
                var room = HeldMax - Volatile.Read(ref _held);
                if (Volatile.Read(ref _asked) == 0 && room > 0)
                {
                    Volatile.Write(ref _asked, room);
                    nats.Publish(next, Encoding.ASCII.GetBytes($$"""{"batch":{{room}},"expires":{{JetStream.Nanoseconds(PullFor)}}}"""), inbox);
                }

                using var overdue = CancellationTokenSource.CreateLinkedTokenSource(ct);
                var woken = _wake.Reader.ReadAsync(overdue.Token).AsTask();
                if (await Task.WhenAny(woken, Task.Delay(PullFor + TimeSpan.FromSeconds(2), time, overdue.Token)) != woken)
                {
                    ct.ThrowIfCancellationRequested();
                    AskAgain();
                }

                await overdue.CancelAsync();
            }
        }
        finally
        {
            nats.Reconnected -= AskAgain;
        }
    }

    public void Release()
    {
        Interlocked.Decrement(ref _held);
        _wake.Writer.TryWrite(true);
    }

    private void Arrived(string subject, string? reply, byte[] payload, Action<Delivery> take)
    {
        // A status of the server (nothing there, pull expired) carries no acknowledgement subject; without headers it is an empty message.
        if (string.IsNullOrEmpty(reply) || !reply.StartsWith("$JS.ACK.", StringComparison.Ordinal))
        {
            AskAgain();
            return;
        }

        Interlocked.Increment(ref _held);
        if (Interlocked.Decrement(ref _asked) <= 0)
        {
            AskAgain();
        }

        take(new Delivery(nats, subject, reply, payload));
    }

    private void AskAgain()
    {
        Volatile.Write(ref _asked, 0);
        _wake.Writer.TryWrite(true);
    }
}
