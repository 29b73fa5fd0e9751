using NATS.Client;

namespace AgentPlatform.Messaging;

/// <summary>Subscriptions that outlive connections: each is made anew on the next one.</summary>
internal sealed class Subscriptions
{
    private readonly List<Subscription> _all = [];
    private readonly Lock _gate = new();
    private volatile IConnection? _current;

    /// <summary>The connection they are on; null while there is none.</summary>
    public IConnection? Current => _current;

    /// <summary>Takes all of them to another connection, or off any.</summary>
    public void MoveTo(IConnection? connection)
    {
        lock (_gate)
        {
            _current = connection;
            if (connection is not null)
            {
                _all.ForEach(s => s.On(connection));
            }
        }
    }

    /// <summary>Subscribes, now and on every later connection.</summary>
    public IDisposable Add(string subject, Action<string, string?, byte[]> handler)
    {
        var subscription = new Subscription(this, subject, handler);
        lock (_gate)
        {
            _all.Add(subscription);
            subscription.On(_current);
        }

        return subscription;
    }

    private sealed class Subscription(Subscriptions all, string subject, Action<string, string?, byte[]> handler) : IDisposable
    {
        private IAsyncSubscription? _on;
        private volatile bool _isOver;

        public void On(IConnection? connection)
        {
            try
            {
                _on = connection?.SubscribeAsync(subject, (_, e) =>
                {
                    if (!_isOver)
                    {
                        handler(e.Message.Subject, e.Message.Reply, e.Message.Data ?? []);
                    }
                });
            }
            catch (Exception e) when (e is NATSException or IOException or InvalidOperationException)
            {
                // The connection broke while it was new: the next flush finds out, and the next connection is subscribed again.
                _on = null;
            }
        }

        public void Dispose()
        {
            IAsyncSubscription? on;
            lock (all._gate)
            {
                all._all.Remove(this);
                (on, _on, _isOver) = (_on, null, true);
                if (on is not { IsValid: true } || all._current is null)
                {
                    return;
                }
            }

            // Not under the lock and not on the caller's thread: the library waits here for the thread that delivers, which may wait for either.
            new Thread(() => Unsubscribe(on)) { IsBackground = true, Name = "nats-unsubscribe" }.Start();
        }

        private static void Unsubscribe(IAsyncSubscription on)
        {
            try
            {
                on.Unsubscribe();
            }
            catch (Exception e) when (e is NATSException or IOException or InvalidOperationException or AggregateException or NullReferenceException)
            {
                // Gone with its connection; the library says so in more than one way.
            }
        }
    }
}
