using System.Collections.Concurrent;
using AgentPlatform.Contracts;
using AgentPlatform.Messaging;
using AgentPlatform.ServiceDefaults;
using AgentPlatform.ToolGateway.Mcp.Authorization;
using AgentPlatform.ToolGateway.Registry;
using AgentPlatform.ToolGateway.Sandbox;
using AgentPlatform.ToolGateway.Secrets;

namespace AgentPlatform.ToolGateway.Mcp;

/// <summary>
/// Keeps the registry what the servers' streams say. A pinned tool is known without its server: only a server that was never seen is started to be asked. Every
/// replica looks at the stream with each call it decides, so a quarantine or an approval holds everywhere at once.
/// </summary>
internal sealed class McpTools(
    McpServerBook book, ToolRegistry registry, SecretBook secrets, McpOptions options, Confinement confinement, McpLogins logins, NatsLink nats, TimeProvider time, ILoggerFactory loggers) : IAsyncDisposable
{
    private readonly ConcurrentDictionary<string, Served> _served = new(StringComparer.Ordinal);
    private readonly SemaphoreSlim _gate = new(1, 1);

    /// <summary>The registry knows a tool, by name or id, if there is one. A server that cannot be reached has only what is pinned.</summary>
    public async Task Ready(string tool, CancellationToken ct)
    {
        var server = tool.Split('.', 2)[0];
        if (!registry.IsBuiltIn(server) && McpServer.NamePattern().IsMatch(server))
        {
            await Ready(server, starts: true, ct);
        }
    }

    /// <summary>The registry knows the tools of every server.</summary>
    /// <param name="starts">Also of those that were never seen, within the patience for that.</param>
    /// <param name="ct">Cancels.</param>
    public async Task ReadyAll(bool starts, CancellationToken ct)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(ct);
        patience.CancelAfter(options.ListPatience);
        await Task.WhenAll((await book.Names(ct)).Select(async name =>
        {
            try
            {
                await Ready(name, starts, patience.Token);
            }
            catch (OperationCanceledException) when (!ct.IsCancellationRequested)
            {
                // Its start goes on; the next list has its tools.
            }
        }));
    }

    /// <summary>The connection to a server; null if there is no such server.</summary>
    public async Task<McpConnection?> Find(string server, CancellationToken ct)
    {
        await Ready($"{server}.", ct);
        return _served.GetValueOrDefault(server)?.Connection;
    }

    /// <summary>A server as callers see it.</summary>
    /// <exception cref="ProblemException">There is none.</exception>
    public async Task<McpServerView> View(string name, CancellationToken ct)
    {
        var (state, _) = await book.Find(name, ct);
        var set = state.Set ?? throw ProblemException.NotFound("mcp-server", name);
        var connection = _served.GetValueOrDefault(name)?.Connection;
        return new McpServerView(
            name,
            set.Entry.Url is null ? "stdio" : "http",
            set.Entry.Trusted,
            connection is { IsRunning: true } ? McpServerState.Running : connection?.Trouble is null ? McpServerState.Idle : McpServerState.Failed,
            System.Text.Json.JsonSerializer.SerializeToElement(set.Entry.Write()),
            set.By,
            set.At,
            [.. state.Tools.Values.Select(tool => new McpToolView(
                $"{name}.{tool.Pinned.Name}@{tool.Version}", tool.Pinned.Sha256, tool.Found?.Sha256, tool.Found is { } found ? McpToolDefinition.Difference(tool.Pinned, found) : null))],
            connection?.Trouble);
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var served in _served.Values)
        {
            await served.Connection.DisposeAsync();
        }

        _gate.Dispose();
    }

    private async Task Ready(string name, bool starts, CancellationToken ct)
    {
        var (connection, isNew) = await Refresh(name, ct);
        if (connection is null || !isNew || !starts)
        {
            return;
        }

        try
        {
            await connection.Open(ct);
            await Refresh(name, ct);
        }
        catch (McpUnavailableException)
        {
            // Logged, and shown as the server's trouble; nothing of it is known, so nothing of it is registered.
        }
    }

    /// <summary>Brings the registry to the stream's version; tells whether nothing of the server was ever seen.</summary>
    private async Task<(McpConnection? Connection, bool IsNew)> Refresh(string name, CancellationToken ct)
    {
        var (state, version) = await book.Find(name, ct);
        if (version == 0 || (_served.TryGetValue(name, out var known) && known.Version >= version && state.Set is not null))
        {
            return version == 0 ? default : (_served[name].Connection, state.Methods is null);
        }

        await _gate.WaitAsync(ct);
        try
        {
            known = _served.GetValueOrDefault(name);
            if (state.Set is not { } set || (known is not null && known.Version < version && known.SetAt != set.At))
            {
                registry.Serve(name, []);
                if (_served.TryRemove(name, out var old))
                {
                    await old.Connection.DisposeAsync();
                }

                known = null;
            }

            if (state.Set is not { } wanted)
            {
                return default;
            }

            if (known is null || known.Version < version)
            {
                var connection = known?.Connection ?? new McpConnection(name, wanted.Entry, options, secrets, (offered, methods, stop) => book.Seen(name, offered, methods, stop), time, loggers)
                {
                    Confinement = confinement,
                    Logins = logins,
                    Told = new McpNews(nats, name).Tell,
                };
                registry.Serve(name, [.. state.Tools.Values.Select(tool => new McpTool(name, tool, wanted.Entry.Trusted, connection, options)), .. McpMethodTool.Of(name, state.Methods ?? [], wanted.Entry.Trusted, connection, options)]);
                _served[name] = known = new Served(version, wanted.At, connection);
            }

            return (known.Connection, state.Methods is null);
        }
        finally
        {
            _gate.Release();
        }
    }

    private sealed record Served(long Version, DateTimeOffset SetAt, McpConnection Connection);
}
