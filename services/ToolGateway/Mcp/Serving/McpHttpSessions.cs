using System.Collections.Concurrent;
using System.Security.Cryptography;
using ModelContextProtocol.Server;
using SdkServer = ModelContextProtocol.Server.McpServer;

namespace AgentPlatform.ToolGateway.Mcp.Serving;

/// <summary>
/// The sessions of the clients of this process. They hold what the protocol needs between two requests and nothing that must last: a client whose session is
/// gone, because the process died or nobody used it, is told so and opens another.
/// </summary>
internal sealed partial class McpHttpSessions(ServingOptions options, TimeProvider time, ILoggerFactory loggers) : IAsyncDisposable
{
    private readonly ConcurrentDictionary<string, McpHttpSession> _sessions = new(StringComparer.Ordinal);
    private readonly ILogger _log = loggers.CreateLogger<McpHttpSessions>();

    public int Count => _sessions.Count;

    /// <summary>A new session of one principal for one address.</summary>
    public async Task<McpHttpSession> Open(string owner, string path, Served server, IServiceProvider services)
    {
        await MakeRoom(owner);
        var id = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(16));
        var session = new McpHttpSession(id, owner, path, new SessionStreams(options), server, time, loggers, services);
        _sessions[id] = session;
        return session;
    }

    /// <summary>A session, if this principal opened it at this address.</summary>
    public McpHttpSession? Find(string id, string owner, string path) =>
        _sessions.GetValueOrDefault(id) is { } session && session.Owner == owner && session.Path == path && !session.IsIdleSince(time.GetUtcNow() - options.SessionIdleMax) ? session : null;

    /// <summary>Ends a session and what it still waits for.</summary>
    public async Task Close(McpHttpSession session)
    {
        if (_sessions.TryRemove(session.Id, out _))
        {
            await session.DisposeAsync();
        }
    }

    public async ValueTask DisposeAsync() => await Task.WhenAll(_sessions.Values.Select(Close));

    private async Task MakeRoom(string owner)
    {
        foreach (var idle in _sessions.Values.Where(session => session.IsIdleSince(time.GetUtcNow() - options.SessionIdleMax)))
        {
            await Close(idle);
        }

        while (_sessions.Count >= options.SessionsMax)
        {
            await CloseIdlest(_sessions.Values);
        }

        for (var own = Own(); own.Count >= options.SessionsPerPrincipalMax; own = Own())
        {
            await CloseIdlest(own);
        }

        List<McpHttpSession> Own() => [.. _sessions.Values.Where(session => session.Owner == owner)];
    }

    private Task CloseIdlest(ICollection<McpHttpSession> sessions)
    {
        if (sessions.MinBy(session => session.UsedAt) is not { } idlest)
        {
            return Task.CompletedTask;
        }

        MadeRoom(idlest.Owner, options.SessionsMax, options.SessionsPerPrincipalMax);
        return Close(idlest);
    }

    [LoggerMessage(4211, LogLevel.Warning, "A session of {Owner} at /mcp was ended to make room: there are at most {Max}, {OwnMax} of one principal")]
    private partial void MadeRoom(string owner, int max, int ownMax);
}

/// <summary>One client's session.</summary>
internal sealed class McpHttpSession : IAsyncDisposable
{
    private readonly CancellationTokenSource _life = new();
    private readonly TimeProvider _time;
    private readonly Task _running;
    private readonly SdkServer _server;
    private readonly IDisposable? _attached;
    private int _requests;
    private int _listens;
    private long _usedAt;

    public McpHttpSession(string id, string owner, string path, SessionStreams streams, Served server, TimeProvider time, ILoggerFactory loggers, IServiceProvider services)
    {
        (Id, Owner, Path, Streams, _time) = (id, owner, path, streams, time);
        Transport = new StreamableHttpServerTransport(loggers) { SessionId = id, EventStreamStore = streams };
        _server = SdkServer.Create(Transport, server.Options, loggers, services);
        _usedAt = time.GetUtcNow().UtcTicks;
        _attached = server.Attach?.Invoke(_server);
        _running = _server.RunAsync(_life.Token);
    }

    public string Id { get; }

    public string Owner { get; }

    public string Path { get; }

    public SessionStreams Streams { get; }

    public StreamableHttpServerTransport Transport { get; }

    public DateTimeOffset UsedAt => new(Volatile.Read(ref _usedAt), TimeSpan.Zero);

    /// <summary>Runs while the session ends.</summary>
    public CancellationToken Ends => _life.Token;

    public bool IsIdleSince(DateTimeOffset then) => Volatile.Read(ref _requests) == 0 && UsedAt < then;

    /// <summary>It is used until this is disposed.</summary>
    public IDisposable Use()
    {
        Interlocked.Increment(ref _requests);
        return new Used(this);
    }

    /// <summary>Takes the place of the one stream for what belongs to no request.</summary>
    public bool TryListen() => Interlocked.Exchange(ref _listens, 1) == 0;

    public void StopListening() => Volatile.Write(ref _listens, 0);

    public async ValueTask DisposeAsync()
    {
        _attached?.Dispose();
        Streams.Close();
        await _life.CancelAsync();
        await Transport.DisposeAsync();
        await _running.ContinueWith(static _ => { }, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
        await _server.DisposeAsync();
    }

    private sealed class Used(McpHttpSession session) : IDisposable
    {
        public void Dispose()
        {
            Volatile.Write(ref session._usedAt, session._time.GetUtcNow().UtcTicks);
            Interlocked.Decrement(ref session._requests);
        }
    }
}
