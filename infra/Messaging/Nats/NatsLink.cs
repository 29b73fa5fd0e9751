using System.Collections.Concurrent;
using System.Text;
using Microsoft.Extensions.Logging;
using NATS.Client;

namespace AgentPlatform.Messaging;

/// <summary>The connection to NATS: it comes up when the server does and comes back when the server does.</summary>
/// <remarks>
/// One thread owns the connection. It flushes whenever something was published, because the client library by itself would wait for a timer of 1 ms, and
/// every flush is a PING with its PONG, so that a dead server is noticed within <see cref="MessagingOptions.HeartbeatEvery"/> plus one time-out; the
/// library's own detection takes 15 s, and its reconnect was seen to hang. So we never reconnect: we make a new connection and subscribe again.
/// Answers to all requests arrive on one subscription, told apart by the last token of their subject.
/// </remarks>
public sealed partial class NatsLink : IDisposable
{
    private readonly MessagingOptions _options;
    private readonly ILogger<NatsLink> _log;
    private readonly string _name;
    private readonly ConcurrentDictionary<string, AnswerBatch> _waiting = new(StringComparer.Ordinal);
    private readonly List<Subscription> _subscriptions = [];
    private readonly AutoResetEvent _published = new(initialState: false);
    private readonly CancellationTokenSource _stop = new();
    private readonly Lock _gate = new();
    private readonly string _inbox = $"_INBOX.{Guid.CreateVersion7():n}";
    private TaskCompletionSource _connected = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private volatile IConnection? _current;
    private volatile string? _left;
    private long _requests;

    /// <summary>Begins to connect in the background.</summary>
    /// <param name="name">Shown by the server.</param>
    /// <param name="options">Where, and how long to wait.</param>
    /// <param name="log">Where losses and returns are told.</param>
    public NatsLink(string name, MessagingOptions options, ILogger<NatsLink> log)
    {
        (_name, _options, _log) = (name, options, log);
        new Thread(Run) { IsBackground = true, Name = "nats" }.Start();
    }

    /// <summary>Told after the connection came back: what was asked of the old one must be asked again; subscriptions are in place already.</summary>
    public event Action? Reconnected;

    /// <summary>Whether the server is reachable now.</summary>
    public bool IsConnected => _current is not null;

    /// <summary>Waits until a connection stands.</summary>
    /// <param name="ct">Cancels the wait.</param>
    public Task WaitConnected(CancellationToken ct) => Volatile.Read(ref _connected).Task.WaitAsync(ct);

    /// <summary>Publishes without waiting for anything; lost if the server goes away.</summary>
    /// <param name="subject">The subject.</param>
    /// <param name="payload">The bytes.</param>
    /// <param name="reply">Where an answer may go.</param>
    /// <exception cref="IOException">There is no connection now.</exception>
    public void Publish(string subject, byte[] payload, string? reply = null)
    {
        var connection = _current ?? throw new IOException($"NATS at {_options.Url} is not connected");
        try
        {
            connection.Publish(subject, reply, payload);
        }
        catch (Exception e) when (e is NATSException or ObjectDisposedException or InvalidOperationException)
        {
            throw new IOException($"NATS at {_options.Url} took no message: {e.Message}", e);
        }

        _published.Set();
    }

    /// <summary>Publishes and waits for one answer.</summary>
    /// <param name="subject">The subject.</param>
    /// <param name="payload">The bytes.</param>
    /// <param name="ct">Cancels the wait.</param>
    /// <exception cref="TimeoutException">No answer within <see cref="MessagingOptions.RequestTimeout"/>.</exception>
    /// <exception cref="IOException">The connection was lost; whether the request arrived is unknown.</exception>
    public async Task<byte[]> Request(string subject, byte[] payload, CancellationToken ct)
    {
        var batch = await RequestAll([(subject, payload)], sent: null, ct);
        return batch.Answers[0] ?? throw batch.Failure ?? new TimeoutException($"NATS did not answer on '{subject}' within {_options.RequestTimeout.TotalSeconds:0.#} s");
    }

    /// <summary>Publishes all at once, in this order, and waits for all the answers; those that did not come are null.</summary>
    /// <param name="requests">Subjects and bytes.</param>
    /// <param name="sent">Called when all are on their way and no answer was awaited.</param>
    /// <param name="ct">Cancels the wait.</param>
    internal async Task<AnswerBatch> RequestAll(IReadOnlyList<(string Subject, byte[] Payload)> requests, Func<Task>? sent, CancellationToken ct)
    {
        if (_waiting.Count >= _options.RequestsPendingMax)
        {
            throw new InvalidOperationException($"{_options.RequestsPendingMax} NATS requests wait for an answer already (Messaging:RequestsPendingMax)");
        }

        var token = Interlocked.Increment(ref _requests).ToString();
        var batch = new AnswerBatch(requests.Count);
        _waiting[token] = batch;
        try
        {
            for (var i = 0; i < requests.Count; i++)
            {
                Publish(requests[i].Subject, requests[i].Payload, $"{_inbox}.{token}_{i}");
            }

            if (sent is not null)
            {
                await sent();
            }

            await batch.All.WaitAsync(_options.RequestTimeout, ct);
        }
        catch (TimeoutException)
        {
            // The caller sees which answers are missing.
        }
        finally
        {
            _waiting.TryRemove(token, out _);
        }

        return batch;
    }

    /// <summary>Gives up a server that keeps the connection but does not do its work, such as one cut off from its cluster; another one is tried. Does nothing when there is only one.</summary>
    /// <param name="cause">For the log.</param>
    public void Leave(string cause)
    {
        if (_options.Url.Contains(',', StringComparison.Ordinal) && _current is not null)
        {
            _left = cause;
            _published.Set();
        }
    }

    /// <summary>Subscribes, now and on every later connection; the handler runs on the subscription's own thread and must not block for long.</summary>
    /// <param name="subject">Subject or pattern.</param>
    /// <param name="handler">Gets subject, reply subject and payload.</param>
    public IDisposable Subscribe(string subject, Action<string, string?, byte[]> handler)
    {
        var subscription = new Subscription(this, subject, handler);
        lock (_gate)
        {
            _subscriptions.Add(subscription);
            subscription.On(_current);
        }

        _published.Set();
        return subscription;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (!_stop.IsCancellationRequested)
        {
            _stop.Cancel();
            _published.Set();
        }
    }

    private void Run()
    {
        for (var again = false; Connect() is { } connection; again = true)
        {
            lock (_gate)
            {
                _current = connection;
                _subscriptions.ForEach(s => s.On(connection));
            }

            _connected.TrySetResult();
            if (again)
            {
                Back(_options.Url);
                Reconnected?.Invoke();
            }

            var cause = FlushUntilLost(connection);
            lock (_gate)
            {
                _current = null;
            }

            Interlocked.Exchange(ref _connected, new(TaskCreationOptions.RunContinuationsAsynchronously));
            new Thread(() => Close(connection)) { IsBackground = true, Name = "nats-close" }.Start();
            if (_stop.IsCancellationRequested)
            {
                break;
            }

            Lost(_options.Url, cause);
            foreach (var (_, waiting) in _waiting)
            {
                waiting.Fail(new IOException($"The connection to NATS at {_options.Url} was lost: {cause}"));
            }
        }

        _connected.TrySetCanceled();
    }

    private string FlushUntilLost(IConnection connection)
    {
        while (true)
        {
            _published.WaitOne(_options.HeartbeatEvery);
            if (_left is { } cause)
            {
                _left = null;
                return cause;
            }

            try
            {
                connection.Flush((int)_options.RequestTimeout.TotalMilliseconds);
            }
            catch (Exception e) when (e is NATSException or IOException or InvalidOperationException)
            {
                return e.Message;
            }

            if (_stop.IsCancellationRequested)
            {
                return "stopped";
            }
        }
    }

    // On a thread of its own, not of the pool: closing a broken connection may block until the system gives the socket up.
    private static void Close(IConnection connection)
    {
        try
        {
            connection.Close();
        }
        catch (Exception e) when (e is NATSException or IOException or InvalidOperationException)
        {
            // It flushes before it closes, and the other end is gone.
        }
    }

    private IConnection? Connect()
    {
        for (var warned = false; !_stop.IsCancellationRequested;)
        {
            var (connection, cause) = Dial();
            if (connection is not null)
            {
                return connection;
            }

            if (!warned)
            {
                NotReachable(_options.Url, cause);
                warned = true;
            }

            _stop.Token.WaitHandle.WaitOne(_options.ReconnectEvery);
        }

        return null;
    }

    // On a thread of its own, given up after a while: a connection cut in the middle of the greeting was seen to block the library for ever.
    private (IConnection? Connection, string Cause) Dial()
    {
        var dial = Task.Factory.StartNew(
            () =>
            {
                var connection = new ConnectionFactory().CreateConnection(ConnectionOptions());
                LastFlush.MayFail(connection);
                connection.SubscribeAsync($"{_inbox}.*", (_, e) => Answer(e.Message));
                connection.Flush((int)_options.RequestTimeout.TotalMilliseconds);
                return connection;
            },
            CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        try
        {
            if (dial.Wait(_options.RequestTimeout * 3))
            {
                return (dial.Result, string.Empty);
            }
        }
        catch (AggregateException e) when (e.InnerException is NATSException or IOException or InvalidOperationException or System.Net.Sockets.SocketException)
        {
            return (null, e.InnerException.Message);
        }

        _ = dial.ContinueWith(static late => Close(late.Result), CancellationToken.None, TaskContinuationOptions.OnlyOnRanToCompletion | TaskContinuationOptions.LongRunning, TaskScheduler.Default);
        return (null, "the server did not finish its greeting");
    }

    private Options ConnectionOptions()
    {
        var options = ConnectionFactory.GetDefaultOptions();
        options.Servers = _options.Url.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        options.Name = _name;
        options.AllowReconnect = false;
        options.Timeout = (int)_options.RequestTimeout.TotalMilliseconds;
        if (_options.TokenFile is { } file)
        {
            options.Token = File.ReadAllText(file, Encoding.UTF8).Trim();
        }

        // Wakes the owner of the connection, whose flush then finds out what happened.
        options.DisconnectedEventHandler = (_, _) => _published.Set();
        options.ClosedEventHandler = (_, _) => _published.Set();
        options.AsyncErrorEventHandler = (_, e) => AsyncError(e.Error ?? string.Empty, e.Subscription?.Subject ?? string.Empty);
        return options;
    }

    // The last token of the subject is the batch and the place in it.
    private void Answer(Msg message)
    {
        var tail = message.Subject.AsSpan(message.Subject.LastIndexOf('.') + 1);
        var split = tail.IndexOf('_');
        if (split > 0 && int.TryParse(tail[(split + 1)..], out var index) && _waiting.TryGetValue(tail[..split].ToString(), out var waiting))
        {
            waiting.Answer(index, message.Data ?? []);
        }
    }

    private sealed class Subscription(NatsLink link, string subject, Action<string, string?, byte[]> handler) : IDisposable
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
            lock (link._gate)
            {
                link._subscriptions.Remove(this);
                (on, _on, _isOver) = (_on, null, true);
                if (on is not { IsValid: true } || link._current is null)
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

    [LoggerMessage(2001, LogLevel.Warning, "NATS at {Url} is not reachable yet: {Cause}; trying again")]
    private partial void NotReachable(string url, string cause);

    [LoggerMessage(2002, LogLevel.Warning, "Lost NATS at {Url}: {Cause}; messages wait in the outbox until it is back")]
    private partial void Lost(string url, string cause);

    [LoggerMessage(2003, LogLevel.Information, "NATS at {Url} is back")]
    private partial void Back(string url);

    [LoggerMessage(2005, LogLevel.Warning, "NATS reports {Cause} on {Subject}")]
    private partial void AsyncError(string cause, string subject);
}
