using System.Collections.Concurrent;
using AgentPlatform.ToolGateway.Mcp.Authorization;
using AgentPlatform.ToolGateway.Sandbox;
using AgentPlatform.ToolGateway.Secrets;
using ModelContextProtocol;
using ModelContextProtocol.Client;
using ModelContextProtocol.Protocol;

namespace AgentPlatform.ToolGateway.Mcp;

/// <summary>A server could not be reached; nothing was sent to it.</summary>
internal class McpUnavailableException(string message, Exception? cause = null) : Exception(message, cause);

/// <summary>Somebody has to sign in at a server first.</summary>
internal sealed class McpSignInWantedException(string message) : McpUnavailableException(message);

/// <summary>A server that answers, and what it offers now.</summary>
internal sealed record McpSession(McpClient Client, IReadOnlyDictionary<string, McpToolDefinition> Offered, IReadOnlyDictionary<string, string> Secrets, McpRunningCalls Calls)
{
    /// <summary>What stands around a server that is a program; null for one that runs elsewhere.</summary>
    public IReadOnlyList<LayerInForce>? Layers { get; init; }

    /// <summary>It speaks the revision in which each request stands for itself.</summary>
    public bool IsStateless => string.CompareOrdinal(Client.NegotiatedProtocolVersion, "2026-07-28") >= 0;
}

/// <summary>
/// One MCP server of this process: started by the first who needs it, started again with a growing pause after it died, listed again when it says that its tools
/// changed. Whoever waits may leave; the start goes on for the next one.
/// </summary>
internal sealed partial class McpConnection(
    string name, McpServerEntry entry, McpOptions options, SecretBook secrets, Func<IReadOnlyCollection<McpToolDefinition>, IReadOnlyList<string>, CancellationToken, Task> seen, TimeProvider time, ILoggerFactory loggers)
    : IAsyncDisposable
{
    private readonly McpRunningCalls _calls = new();
    private readonly ILogger _log = loggers.CreateLogger<McpConnection>();
    private readonly SdkLoggers _sdkLoggers = new(loggers);
    private readonly CancellationTokenSource _life = new();
    private readonly Lock _gate = new();
    private Task<McpSession>? _opening;
    private McpSession? _session;
    private TaskCompletionSource _signInWanted = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private Patience? _patience;
    private McpProgram? _program;
    private bool _stale;
    private int _failures;
    private DateTimeOffset _restartAt;

    /// <summary>In which a server that is a program runs.</summary>
    public required Confinement Confinement { get; init; }

    /// <summary>Where humans are asked to sign in.</summary>
    public required McpLogins Logins { get; init; }

    /// <summary>How it is configured.</summary>
    public McpServerEntry Entry => entry;

    /// <summary>Why it could not be reached, the last time; null when it answers.</summary>
    public string? Trouble { get; private set; }

    /// <summary>It answers.</summary>
    public bool IsRunning => _session is { Client.Completion.IsCompleted: false };

    /// <summary>A server that answers, started if needed, with its list of tools as it is now.</summary>
    /// <exception cref="McpUnavailableException">It cannot be reached.</exception>
    public async Task<McpSession> Open(CancellationToken ct)
    {
        Task<McpSession> opening;
        Task signInWanted;
        lock (_gate)
        {
            if (_opening is null or { IsCompleted: true })
            {
                if (IsRunning && !_stale)
                {
                    return _session!;
                }

                _opening = Task.Run(() => StartOrList(_life.Token), CancellationToken.None);
            }

            (opening, signInWanted) = (_opening, _signInWanted.Task);
        }

        // A human takes longer than anybody who lists or calls waits; the start goes on when somebody has signed in.
        await Task.WhenAny(opening, signInWanted).WaitAsync(ct);
        return opening.IsCompleted || !signInWanted.IsCompleted ? await opening : throw new McpSignInWantedException($"The MCP server '{name}' cannot be used yet: {SignInTrouble}");
    }

    /// <summary>A call went through: the next failure is a first one again.</summary>
    public void Worked() => _failures = 0;

    /// <summary>Its connection broke: the next one who needs it starts it again.</summary>
    public async Task Broke(McpSession session, string why)
    {
        if (Interlocked.CompareExchange(ref _session, null, session) == session)
        {
            Failed(why);
            await session.Client.DisposeAsync();
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _life.CancelAsync();
        if (_opening is { } opening)
        {
            await opening.ContinueWith(static _ => { }, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
        }

        if (_session is { } session)
        {
            await session.Client.DisposeAsync();
        }

        _life.Dispose();
    }

    private async Task<McpSession> StartOrList(CancellationToken ct)
    {
        if (_session is { } known && !IsRunning)
        {
            var end = await known.Client.Completion;
            await Broke(known, end.Exception?.Message ?? "it ended");
        }

        var (session, started) = (_session, default(McpClient));
        var values = session?.Secrets ?? new Dictionary<string, string>();
        using var patience = new Patience(options.StartDurationMax, ct);
        try
        {
            _patience = patience;
            values = session?.Secrets ?? await Secrets(ct);
            var client = session?.Client ?? (started = await Start((ConcurrentDictionary<string, string>)values, patience.Ends));
            _stale = false;
            var offered = await Offered(client, patience.Ends);
            await seen([.. offered.Values], McpMethodTool.Methods(client.ServerCapabilities), ct);
            Trouble = null;
            return _session = new McpSession(client, offered, values, _calls) { Layers = _program?.Layers };
        }
        catch (Exception e) when (e is not McpUnavailableException)
        {
            _stale = true;
            if (started is not null)
            {
                await started.DisposeAsync();
            }

            var why = Failed(e is OperationCanceledException or TimeoutException && !ct.IsCancellationRequested ? $"it did not answer within {options.StartDurationMax.TotalSeconds:0} s" : McpResult.Masked(e.Message, values));
            throw new McpUnavailableException($"The MCP server '{name}' cannot be reached: {why}", e);
        }
    }

    private async Task<Dictionary<string, McpToolDefinition>> Offered(McpClient client, CancellationToken ct)
    {
        var offered = new Dictionary<string, McpToolDefinition>(StringComparer.Ordinal);
        IList<McpClientTool> all;
        try
        {
            all = await client.ListToolsAsync(cancellationToken: ct);
        }
        catch (McpProtocolException e) when (e.ErrorCode == McpErrorCode.MethodNotFound && client.ServerCapabilities.Tools is null)
        {
            // It has none, and says so twice; some have tools and forget to say it once.
            return offered;
        }

        foreach (var tool in all.Take(options.ToolsPerServerMax))
        {
            if (McpToolDefinition.Of(tool.ProtocolTool) is not { } definition || !offered.TryAdd(definition.Name, definition))
            {
                NotOffered(name, tool.Name.Length <= 200 ? tool.Name : tool.Name[..200]);
            }
        }

        if (all.Count > options.ToolsPerServerMax)
        {
            TooMany(name, all.Count, options.ToolsPerServerMax);
        }

        return offered;
    }

    // Listed at once, so that a change is on record before anybody calls; whoever calls meanwhile waits for this list.
    private void ListChanged()
    {
        lock (_gate)
        {
            _stale = true;
        }

        _ = Open(_life.Token).ContinueWith(
            task => NotListed(name, task.Exception!.InnerException!.Message), CancellationToken.None, TaskContinuationOptions.OnlyOnFaulted, TaskScheduler.Default);
    }

    private string Failed(string why)
    {
        _failures++;
        var pause = TimeSpan.FromTicks(Math.Min(options.RestartPauseMax.Ticks, options.RestartPauseMin.Ticks << Math.Min(_failures - 1, 20)));
        _restartAt = time.GetUtcNow() + pause;
        Died(name, why, pause);
        return Trouble = why;
    }

    [LoggerMessage(4202, LogLevel.Warning, "MCP server {Server} failed: {Why}; it rests for {Pause}")]
    private partial void Died(string server, string why, TimeSpan pause);

    [LoggerMessage(4203, LogLevel.Warning, "MCP server {Server} offers the tool {Tool} with a name, schema or text that cannot be used, or twice; it is left out")]
    private partial void NotOffered(string server, string tool);

    [LoggerMessage(4204, LogLevel.Warning, "MCP server {Server} offers {Count} tools; only the first {Max} are taken")]
    private partial void TooMany(string server, int count, int max);

    [LoggerMessage(4206, LogLevel.Warning, "The changed tools of MCP server {Server} could not be listed: {Why}; the next call tries again")]
    private partial void NotListed(string server, string why);
}
