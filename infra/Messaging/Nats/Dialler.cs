using System.Text;
using NATS.Client;

namespace AgentPlatform.Messaging;

/// <summary>Makes connections to NATS and ends them, however the client library feels about it.</summary>
/// <param name="name">Shown by the server.</param>
/// <param name="options">How long to wait, and the token.</param>
/// <param name="answers">Subscribed on every connection before anything else.</param>
/// <param name="noticed">Called when the library says that a connection broke.</param>
/// <param name="error">Called with the server's complaint and the subject it is about.</param>
internal sealed class Dialler(string name, MessagingOptions options, Answers answers, Action noticed, Action<string, string> error)
{
    /// <summary>A connection, or why there is none.</summary>
    /// <param name="url">The one server that is tried.</param>
    /// <remarks>On a thread of its own, given up after a while: a connection cut in the middle of the greeting was seen to block the library for ever.</remarks>
    public (IConnection? Connection, string Cause) Dial(string url)
    {
        var dial = Task.Factory.StartNew(
            () =>
            {
                var token = options.TokenFile is { } file ? File.ReadAllText(file, Encoding.UTF8).Trim() : null;
                Greeting.Exchange(url, token, options.RequestTimeout);
                return Prepared(new ConnectionFactory().CreateConnection(ConnectionOptions(url, token)));
            },
            CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        try
        {
            if (dial.Wait(options.RequestTimeout * 3))
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

    /// <summary>Ends a connection in the background.</summary>
    /// <remarks>On a thread of its own, not of the pool: closing a broken connection may block until the system gives the socket up.</remarks>
    public static void HangUp(IConnection connection) => new Thread(() => Close(connection)) { IsBackground = true, Name = "nats-close" }.Start();

    // What was opened is closed: a connection that is merely forgotten keeps its threads for ever, the pool's among them.
    private IConnection Prepared(IConnection connection)
    {
        try
        {
            WriteBehind.Under(connection, options.UnsentBytesMax);
            connection.SubscribeAsync(answers.Pattern, (_, e) => answers.Arrived(e.Message.Subject, e.Message.Data ?? []));
            connection.Flush((int)options.RequestTimeout.TotalMilliseconds);
            return connection;
        }
        catch
        {
            HangUp(connection);
            throw;
        }
    }

    private static void Close(IConnection connection)
    {
        try
        {
            connection.Close();
        }
        catch (Exception e) when (e is NATSException or IOException or InvalidOperationException)
        {
            // The other end is gone.
        }

        WriteBehind.Over(connection);
    }

    private Options ConnectionOptions(string url, string? token)
    {
        var wanted = ConnectionFactory.GetDefaultOptions();
        wanted.Servers = [url];
        wanted.Name = name;
        wanted.AllowReconnect = false;
        wanted.Timeout = (int)options.RequestTimeout.TotalMilliseconds;
        if (token is not null)
        {
            wanted.Token = token;
        }

        // Wakes the owner of the connection, whose heartbeat then finds out what happened.
        wanted.DisconnectedEventHandler = (_, _) => noticed();
        wanted.ClosedEventHandler = (_, _) => noticed();
        wanted.AsyncErrorEventHandler = (_, e) => error(e.Error ?? string.Empty, e.Subscription?.Subject ?? string.Empty);
        return wanted;
    }
}
