using System.Diagnostics;
using Microsoft.Extensions.Logging;
using NATS.Client;

namespace AgentPlatform.Messaging;

/// <summary>The connection to NATS: it comes up when a server does, and when its server is gone, cut off or of no use, it moves to the next one.</summary>
/// <remarks>
/// One thread owns the connection. It sends a PING and waits for its PONG, so that a dead server is noticed within <see cref="MessagingOptions.HeartbeatEvery"/>
/// plus one time-out; the library's own detection takes 15 s, and its reconnect was seen to hang. So we never reconnect: we make a new connection and subscribe
/// again. What is published goes out by <see cref="WriteBehind"/>.
/// </remarks>
public sealed partial class NatsLink : IDisposable
{
    private readonly MessagingOptions _options;
    private readonly IReadOnlyList<string> _urls;
    private readonly ILogger<NatsLink> _log;
    private readonly Dialler _dialler;
    private readonly Answers _answers = new();
    private readonly Subscriptions _subscriptions = new();
    private readonly AutoResetEvent _woken = new(initialState: false);
    private readonly CancellationTokenSource _stop = new();
    private TaskCompletionSource _connected = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private volatile string? _left;
    private volatile string _url;
    private long _doubtedSince;

    /// <summary>Begins to connect in the background.</summary>
    /// <param name="name">Shown by the server.</param>
    /// <param name="options">Where, and how long to wait.</param>
    /// <param name="log">Where losses and returns are told.</param>
    public NatsLink(string name, MessagingOptions options, ILogger<NatsLink> log)
    {
        (_options, _log, _urls) = (options, log, NatsAddresses.Parse(options.Url));

        // Processes begin in different places: else the clients of a cluster all crowd on its first server.
        var first = options.UrlsInOrder ? 0 : Environment.ProcessId % _urls.Count;
        _urls = [.. _urls.Skip(first), .. _urls.Take(first)];
        _url = _urls[0];
        _dialler = new Dialler(name, options, _answers, () => _woken.Set(), AsyncError);
        new Thread(Run) { IsBackground = true, Name = "nats" }.Start();
    }

    /// <summary>Told after the connection came back: what was asked of the old one must be asked again; subscriptions are in place already.</summary>
    public event Action? Reconnected;

    /// <summary>The server we are connected to, or try next.</summary>
    public string Url => _url;

    /// <summary>Whether a server is reachable now.</summary>
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
        var connection = _subscriptions.Current ?? throw new IOException($"NATS at {_url} is not connected");
        try
        {
            connection.Publish(subject, reply, payload);
        }
        catch (Exception e) when (e is NATSException or ObjectDisposedException or InvalidOperationException)
        {
            throw new IOException($"NATS at {_url} took no message: {e.Message}", e);
        }
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

    /// <summary>
    /// Said when the server did not do what it should. One that keeps the connection and does nothing right for <see cref="MessagingOptions.LeaveAfter"/>, such as
    /// one cut off from its cluster, is left for the next one; where there is no other, nothing happens.
    /// </summary>
    /// <param name="cause">For the log.</param>
    public void Doubt(string cause)
    {
        var since = Interlocked.CompareExchange(ref _doubtedSince, Stopwatch.GetTimestamp(), comparand: 0);
        if (since != 0 && _urls.Count > 1 && IsConnected && Stopwatch.GetElapsedTime(since) >= _options.LeaveAfter)
        {
            _left = cause;
            _woken.Set();
        }
    }

    /// <summary>Said when the server did what it should: doubts from before do not count any more.</summary>
    public void Trust() => Volatile.Write(ref _doubtedSince, 0);

    /// <summary>Subscribes, now and on every later connection; the handler runs on the subscription's own thread and must not block for long.</summary>
    /// <param name="subject">Subject or pattern.</param>
    /// <param name="handler">Gets subject, reply subject and payload.</param>
    public IDisposable Subscribe(string subject, Action<string, string?, byte[]> handler) => _subscriptions.Add(subject, handler);

    /// <inheritdoc/>
    public void Dispose()
    {
        if (!_stop.IsCancellationRequested)
        {
            _stop.Cancel();
            _woken.Set();
        }
    }

    private void Run()
    {
        for (var again = false; Connect() is { } connection; again = true)
        {
            _left = null;
            Trust();
            _subscriptions.MoveTo(connection);
            _connected.TrySetResult();
            if (again)
            {
                Back(_url);
                Reconnected?.Invoke();
            }

            var cause = AliveUntilLost(connection);
            _subscriptions.MoveTo(null);
            Interlocked.Exchange(ref _connected, new(TaskCreationOptions.RunContinuationsAsynchronously));
            Dialler.HangUp(connection);
            if (_stop.IsCancellationRequested)
            {
                break;
            }

            var left = _url;
            _url = NatsAddresses.After(_urls, left);
            Lost(left, cause);
            _answers.FailAll(new IOException($"The connection to NATS at {left} was lost: {cause}"));
        }

        _connected.TrySetCanceled();
    }

    private string AliveUntilLost(IConnection connection)
    {
        while (true)
        {
            _woken.WaitOne(_options.HeartbeatEvery);
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
        for (var tries = 0; !_stop.IsCancellationRequested; tries++)
        {
            var (connection, cause) = _dialler.Dial(_url);
            if (connection is not null)
            {
                return connection;
            }

            if (tries < _urls.Count)
            {
                NotReachable(_url, cause);
            }

            _url = NatsAddresses.After(_urls, _url);
            if ((tries + 1) % _urls.Count == 0)
            {
                _stop.Token.WaitHandle.WaitOne(_options.ReconnectEvery);
            }
        }

        return null;
    }

    [LoggerMessage(2001, LogLevel.Warning, "NATS at {Url} is not reachable yet: {Cause}; trying again")]
    private partial void NotReachable(string url, string cause);

    [LoggerMessage(2002, LogLevel.Warning, "Lost NATS at {Url}: {Cause}; messages wait in the outbox until it is back")]
    private partial void Lost(string url, string cause);

    [LoggerMessage(2003, LogLevel.Information, "Connected to NATS again, at {Url}")]
    private partial void Back(string url);

    [LoggerMessage(2005, LogLevel.Warning, "NATS reports {Cause} on {Subject}")]
    private partial void AsyncError(string cause, string subject);
}
