using System.Text;
using System.Threading.Channels;

namespace AgentPlatform.Messaging;

/// <summary>Pulls messages of one durable consumer as fast as there is room for them, and asks again after every interruption.</summary>
internal sealed class PullConsumer(NatsLink nats, JetStream jetStream, Handler handler, MessagingOptions options, TimeProvider time)
{
    private readonly Channel<bool> _wake = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });
    private int _asked;
    private int _held;
    private int _got;
    private volatile bool _reconnected;

    /// <summary>What it is at, for whoever wonders why nothing moves.</summary>
    public string Doing => $"{handler.Consumer} asked for {Volatile.Read(ref _asked)}, holds {Volatile.Read(ref _held)}, got {_got}";

    private int HeldMax => handler.HeldMax(options);

    /// <summary>Runs until cancelled; every delivery is handed to <paramref name="take"/>, which calls <see cref="Release"/> when it is done with it.</summary>
    public async Task Run(Action<Delivery> take, CancellationToken ct)
    {
        await EnsureConsumer(ct);
        var inbox = $"_INBOX.{Guid.CreateVersion7():n}";
        using var subscription = nats.Subscribe(inbox, (subject, reply, payload) => Arrived(subject, reply, payload, take));
        nats.Reconnected += BeginAnew;
        try
        {
            var next = $"$JS.API.CONSUMER.MSG.NEXT.{jetStream.StreamOf(handler.Stream)}.{handler.Consumer}";
            while (true)
            {
                if (_reconnected)
                {
                    throw new IOException("the connection to NATS was lost and came back");
                }

                var room = HeldMax - Volatile.Read(ref _held);
                if (Volatile.Read(ref _asked) == 0 && room > 0)
                {
                    Volatile.Write(ref _asked, room);
                    nats.Publish(next, Encoding.ASCII.GetBytes($$"""{"batch":{{room}},"expires":{{JetStream.Nanoseconds(options.PullDuration)}}}"""), inbox);
                }

                using var overdue = CancellationTokenSource.CreateLinkedTokenSource(ct);
                var woken = _wake.Reader.ReadAsync(overdue.Token).AsTask();
                var first = await Task.WhenAny(woken, Task.Delay(options.PullDuration + TimeSpan.FromSeconds(1), time, overdue.Token));

                // A stop cancels both, and either may come first.
                ct.ThrowIfCancellationRequested();
                if (first != woken)
                {
                    // The server forgets a pull when its leader changes, and cannot tell us so; it may also have lost the consumer.
                    await EnsureConsumer(ct);
                    AskAgain();
                }

                await overdue.CancelAsync();
            }
        }
        finally
        {
            nats.Reconnected -= BeginAnew;
        }
    }

    private Task<ConsumerState> EnsureConsumer(CancellationToken ct) => jetStream.EnsureConsumer(handler.Stream, handler.Consumer, handler.Filter, HeldMax, ct);

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
        Interlocked.Increment(ref _got);
        if (Interlocked.Decrement(ref _asked) <= 0)
        {
            AskAgain();
        }

        take(new Delivery(nats, jetStream.Bare(subject), reply, payload));
    }

    // A server that was restarted may be up before its consumers are; only a request with an answer shows that they are.
    private void BeginAnew()
    {
        _reconnected = true;
        _wake.Writer.TryWrite(true);
    }

    private void AskAgain()
    {
        Volatile.Write(ref _asked, 0);
        _wake.Writer.TryWrite(true);
    }
}
