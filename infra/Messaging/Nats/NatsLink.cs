using System.Collections.Concurrent;
using System.Text;
using Microsoft.Extensions.Logging;
using NATS.Client;

namespace AgentPlatform.Messaging;

/// <summary>The connection to NATS: it comes up when the server does and comes back when the server does.</summary>
/// <remarks>
/// The client library flushes on a timer of 1 ms; a thread of our own that flushes whenever something was published takes that delay away.
/// Answers to all requests arrive on one subscription, told apart by the last token of their subject.
/// </remarks>
public sealed partial class NatsLink : IDisposable
{
    private readonly MessagingOptions _options;
    private readonly ILogger<NatsLink> _log;
    private readonly string _name;
    private readonly ConcurrentDictionary<string, TaskCompletionSource<byte[]>> _waiting = new(StringComparer.Ordinal);
    private readonly AutoResetEvent _published = new(initialState: false);
    private readonly CancellationTokenSource _stop = new();
    private readonly TaskCompletionSource<IConnection> _connected = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly string _inbox = $"_INBOX.{Guid.CreateVersion7():n}";
    private long _requests;

    /// <summary>Begins to connect in the background.</summary>
    /// <param name="name">Shown by the server.</param>
    /// <param name="options">Where, and how long to wait.</param>
    /// <param name="log">Where losses and returns are told.</param>
    public NatsLink(string name, MessagingOptions options, ILogger<NatsLink> log)
    {
        (_name, _options, _log) = (name, options, log);
        new Thread(Run) { IsBackground = true, Name = "nats-flush" }.Start();
    }

    /// <summary>Told after the connection came back: what was asked of the old one must be asked again.</summary>
    public event Action? Reconnected;

    /// <summary>Whether the server is reachable now.</summary>
    public bool IsConnected => _connected.Task.IsCompletedSuccessfully && _connected.Task.Result.State == ConnState.CONNECTED;

    /// <summary>Waits until the first connection stands.</summary>
    /// <param name="ct">Cancels the wait.</param>
    public Task WaitConnected(CancellationToken ct) => _connected.Task.WaitAsync(ct);

    /// <summary>Publishes without waiting for anything; lost if the server is away.</summary>
    /// <param name="subject">The subject.</param>
    /// <param name="payload">The bytes.</param>
    /// <param name="reply">Where an answer may go.</param>
    public void Publish(string subject, byte[] payload, string? reply = null)
    {
        if (!_connected.Task.IsCompletedSuccessfully)
        {
            throw new IOException("NATS is not connected yet");
        }

        _connected.Task.Result.Publish(subject, reply, payload);
        _published.Set();
    }

    /// <summary>Publishes and waits for one answer.</summary>
    /// <param name="subject">The subject.</param>
    /// <param name="payload">The bytes.</param>
    /// <param name="ct">Cancels the wait.</param>
    /// <exception cref="TimeoutException">No answer within <see cref="MessagingOptions.RequestTimeout"/>.</exception>
    public async Task<byte[]> Request(string subject, byte[] payload, CancellationToken ct)
    {
        await WaitConnected(ct);
        if (_waiting.Count >= _options.RequestsPendingMax)
        {
            throw new InvalidOperationException($"{_options.RequestsPendingMax} NATS requests wait for an answer already (Messaging:RequestsPendingMax)");
        }

        var token = Interlocked.Increment(ref _requests).ToString();
        var answer = new TaskCompletionSource<byte[]>(TaskCreationOptions.RunContinuationsAsynchronously);
        _waiting[token] = answer;
        try
        {
            Publish(subject, payload, $"{_inbox}.{token}");
            return await answer.Task.WaitAsync(_options.RequestTimeout, ct);
        }
        catch (TimeoutException e)
        {
            throw new TimeoutException($"NATS did not answer on '{subject}' within {_options.RequestTimeout.TotalSeconds:0.#} s", e);
        }
        finally
        {
            _waiting.TryRemove(token, out _);
        }
    }

    /// <summary>Subscribes; the handler runs on the subscription's own thread and must not block for long.</summary>
    /// <param name="subject">Subject or pattern.</param>
    /// <param name="handler">Gets subject, reply subject and payload.</param>
    /// <param name="ct">Cancels waiting for the connection.</param>
    public async Task<IDisposable> Subscribe(string subject, Action<string, string?, byte[]> handler, CancellationToken ct)
    {
        var connection = await _connected.Task.WaitAsync(ct);
        var subscription = connection.SubscribeAsync(subject, (_, e) => handler(e.Message.Subject, e.Message.Reply, e.Message.Data ?? []));
        _published.Set();
        return subscription;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (_stop.IsCancellationRequested)
        {
            return;
        }

        _stop.Cancel();
        _published.Set();
        if (_connected.Task.IsCompletedSuccessfully)
        {
            _connected.Task.Result.Close();
        }

        _connected.TrySetCanceled();
    }

    private void Run()
    {
        var connection = Connect();
        while (connection is not null && !_stop.IsCancellationRequested)
        {
            _published.WaitOne();
            try
            {
                if (connection.State == ConnState.CONNECTED)
                {
                    connection.Flush((int)_options.RequestTimeout.TotalMilliseconds);
                }
            }
            catch (Exception e) when (e is NATSException or IOException or InvalidOperationException)
            {
                // The library reconnects by itself; whoever published with an acknowledgement in mind notices and repeats.
                FlushFailed(e.Message);
            }
        }
    }

    private IConnection? Connect()
    {
        for (var warned = false; !_stop.IsCancellationRequested;)
        {
            try
            {
                var connection = new ConnectionFactory().CreateConnection(Options());
                connection.SubscribeAsync($"{_inbox}.*", (_, e) => Answer(e.Message));
                connection.Flush((int)_options.RequestTimeout.TotalMilliseconds);
                _connected.TrySetResult(connection);
                return connection;
            }
            catch (Exception e) when (e is NATSException or IOException)
            {
                if (!warned)
                {
                    NotReachable(_options.Url, e.Message);
                    warned = true;
                }

                _stop.Token.WaitHandle.WaitOne(TimeSpan.FromMilliseconds(200));
            }
        }

        return null;
    }

    private Options Options()
    {
        var options = ConnectionFactory.GetDefaultOptions();
        options.Servers = _options.Url.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        options.Name = _name;
        options.AllowReconnect = true;
        options.MaxReconnect = int.MaxValue;
        options.ReconnectWait = 200;
        options.Timeout = (int)_options.RequestTimeout.TotalMilliseconds;
        options.PingInterval = 5_000;
        options.MaxPingsOut = 2;
        if (_options.TokenFile is { } file)
        {
            options.Token = File.ReadAllText(file, Encoding.UTF8).Trim();
        }

        options.DisconnectedEventHandler = (_, _) => Lost(_options.Url);
        options.ReconnectedEventHandler = (_, _) =>
        {
            Back(_options.Url);
            Reconnected?.Invoke();
            _published.Set();
        };
        options.AsyncErrorEventHandler = (_, e) => AsyncError(e.Error ?? string.Empty, e.Subscription?.Subject ?? string.Empty);
        options.ClosedEventHandler = (_, _) => { };
        return options;
    }

    private void Answer(Msg message)
    {
        var token = message.Subject[(message.Subject.LastIndexOf('.') + 1)..];
        if (_waiting.TryRemove(token, out var waiting))
        {
            waiting.TrySetResult(message.Data ?? []);
        }
    }


    [LoggerMessage(2001, LogLevel.Warning, "NATS at {Url} is not reachable yet: {Cause}; trying again")]
    private partial void NotReachable(string url, string cause);

    [LoggerMessage(2002, LogLevel.Warning, "Lost NATS at {Url}; messages wait in the outbox until it is back")]
    private partial void Lost(string url);

    [LoggerMessage(2003, LogLevel.Information, "NATS at {Url} is back")]
    private partial void Back(string url);

    [LoggerMessage(2004, LogLevel.Debug, "Flush failed: {Cause}")]
    private partial void FlushFailed(string cause);

    [LoggerMessage(2005, LogLevel.Warning, "NATS reports {Cause} on {Subject}")]
    private partial void AsyncError(string cause, string subject);
}
