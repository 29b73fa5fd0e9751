using Microsoft.Extensions.Logging;
using NATS.Client;

namespace AgentPlatform.Messaging;

/// <summary>The connection to NATS: it comes up when the server does and comes back when the server does.</summary>
/// <remarks>
/// One thread owns the connection. It flushes whenever something was published, because the client library by itself would wait for a timer of 1 ms, and
/// every flush is a PING with its PONG, so that a dead server is noticed within <see cref="MessagingOptions.HeartbeatEvery"/> plus one time-out; the
/// library's own detection takes 15 s, and its reconnect was seen to hang. So we never reconnect: we make a new connection and subscribe again.
/// </remarks>
public sealed partial class NatsLink : IDisposable
{
    private readonly MessagingOptions _options;
    private readonly ILogger<NatsLink> _log;
    private readonly Dialler _dialler;
    private readonly Answers _answers = new();
    private readonly Subscriptions _subscriptions = new();
    private readonly AutoResetEvent _published = new(initialState: false);
    private readonly CancellationTokenSource _stop = new();
    private TaskCompletionSource _connected = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private volatile string? _left;

    /// <summary>Begins to connect in the background.</summary>
    /// <param name="name">Shown by the server.</param>
    /// <param name="options">Where, and how long to wait.</param>
    /// <param name="log">Where losses and returns are told.</param>
    public NatsLink(string name, MessagingOptions options, ILogger<NatsLink> log)
    {
        (_options, _log) = (options, log);
        _dialler = new Dialler(name, options, _answers, () => _published.Set(), AsyncError);
        new Thread(Run) { IsBackground = true, Name = "nats" }.Start();
    }

    /// <summary>Told after the connection came back: what was asked of the old one must be asked again; subscriptions are in place already.</summary>
    public event Action? Reconnected;

    /// <summary>Whether the server is reachable now.</summary>
    public bool IsConnected => _subscriptions.Current is not null;

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
        var connection = _subscriptions.Current ?? throw new IOException($"NATS at {_options.Url} is not connected");
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
        if (_answers.Count >= _options.RequestsPendingMax)
        {
            throw new InvalidOperationException($"{_options.RequestsPendingMax} NATS requests wait for an answer already (Messaging:RequestsPendingMax)");
        }

        var batch = new AnswerBatch(requests.Count);
        var token = _answers.Open(batch);
        try
        {
            for (var i = 0; i < requests.Count; i++)
            {
                Publish(requests[i].Subject, requests[i].Payload, _answers.ReplyTo(token, i));
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
            _answers.Close(token);
        }

        return batch;
    }

    /// <summary>Gives up a server that keeps the connection but does not do its work, such as one cut off from its cluster; another one is tried. Does nothing when there is only one.</summary>
    /// <param name="cause">For the log.</param>
    public void Leave(string cause)
    {
        if (_options.Url.Contains(',', StringComparison.Ordinal) && _subscriptions.Current is not null)
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
        var subscription = _subscriptions.Add(subject, handler);
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
            _subscriptions.MoveTo(connection);
            _connected.TrySetResult();
            if (again)
            {
                Back(_options.Url);
                Reconnected?.Invoke();
            }

            var cause = FlushUntilLost(connection);
            _subscriptions.MoveTo(null);
            Interlocked.Exchange(ref _connected, new(TaskCreationOptions.RunContinuationsAsynchronously));
            Dialler.HangUp(connection);
            if (_stop.IsCancellationRequested)
            {
                break;
            }

            Lost(_options.Url, cause);
            _answers.FailAll(new IOException($"The connection to NATS at {_options.Url} was lost: {cause}"));
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

    private IConnection? Connect()
    {
        for (var warned = false; !_stop.IsCancellationRequested;)
        {
            var (connection, cause) = _dialler.Dial();
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

    [LoggerMessage(2001, LogLevel.Warning, "NATS at {Url} is not reachable yet: {Cause}; trying again")]
    private partial void NotReachable(string url, string cause);

    [LoggerMessage(2002, LogLevel.Warning, "Lost NATS at {Url}: {Cause}; messages wait in the outbox until it is back")]
    private partial void Lost(string url, string cause);

    [LoggerMessage(2003, LogLevel.Information, "NATS at {Url} is back")]
    private partial void Back(string url);

    [LoggerMessage(2005, LogLevel.Warning, "NATS reports {Cause} on {Subject}")]
    private partial void AsyncError(string cause, string subject);
}
