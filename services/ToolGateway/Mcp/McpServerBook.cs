using System.Text.Json.Nodes;
using AgentPlatform.EventStore;
using AgentPlatform.Messaging;
using AgentPlatform.ServiceDefaults;
using AgentPlatform.ToolGateway.Registry;
using AgentPlatform.ToolGateway.Secrets;

namespace AgentPlatform.ToolGateway.Mcp;

/// <summary>Keeps how MCP servers are configured and what of theirs is pinned, as events.</summary>
/// <param name="store">The servers.</param>
/// <param name="writer">Stores what becomes of them.</param>
/// <param name="registry">Knows the names that are taken.</param>
/// <param name="options">Bounds.</param>
/// <param name="time">The clock.</param>
internal sealed class McpServerBook(IEventStore store, DecisionWriter writer, ToolRegistry registry, McpOptions options, TimeProvider time)
{
    /// <summary>The names of the configured ones.</summary>
    public async Task<IReadOnlyList<string>> Names(CancellationToken ct) =>
        [.. (await store.Views.List<McpServer.Entry>(new ViewQuery(McpServer.List, options.ServersMax, Tag: McpServer.Present), ct)).Rows.Select(row => row.Name)];

    /// <summary>A server and the version of its stream; one that does not exist has no configuration.</summary>
    public Task<(McpServer State, long Version)> Find(string name, CancellationToken ct) => store.Aggregate(McpServer.Kind, name, ct);

    /// <summary>Configures servers, one after the other; the same again changes nothing.</summary>
    /// <exception cref="ProblemException">A name is taken by built-in tools, or there are too many; nothing was configured.</exception>
    public async Task Set(IReadOnlyList<(string Name, McpServerEntry Entry)> servers, string by, CancellationToken ct)
    {
        foreach (var (name, _) in servers.Where(s => registry.IsBuiltIn(s.Name)))
        {
            throw new ProblemException(409, "mcp-name-taken", $"'{name}' is the first part of built-in tools' names; give the server another name");
        }

        if ((await Names(ct)).Union(servers.Select(s => s.Name)).Count() > options.ServersMax)
        {
            throw new ProblemException(409, "too-many-mcp-servers", $"There would be more than {options.ServersMax} MCP servers; take away what is not needed");
        }

        foreach (var (name, entry) in servers)
        {
            await writer.Write(
                McpServer.Kind,
                name,
                known => known.Set is { } set && JsonNode.DeepEquals(set.Entry.Write(), entry.Write()) ? ([], []) : ([new McpServerEvent.Configured(name, entry, by, time.GetUtcNow())], []),
                static _ => { },
                ct);
        }
    }

    /// <summary>Takes a server away.</summary>
    /// <exception cref="ProblemException">There is none.</exception>
    public async Task Remove(string name, string by, CancellationToken ct)
    {
        var existed = false;
        await writer.Write(McpServer.Kind, name, known => ((existed = known.Set is not null) ? [new McpServerEvent.Removed(by, time.GetUtcNow())] : [], []), session => session.Enlist(SecretBook.Gone(SecretBook.OAuth(name))), ct);
        if (!existed)
        {
            throw ProblemException.NotFound("mcp-server", name);
        }
    }

    /// <summary>Lets changed tools out of quarantine.</summary>
    /// <param name="name">The server.</param>
    /// <param name="hashes">Only these definitions; every changed one when null.</param>
    /// <param name="by">Who looked at them.</param>
    /// <param name="ct">Cancels.</param>
    /// <exception cref="ProblemException">A hash is not what a tool has now.</exception>
    public async Task Approve(string name, string[]? hashes, string by, CancellationToken ct)
    {
        await writer.Write(
            McpServer.Kind,
            name,
            known =>
            {
                var changed = known.Tools.Values.Where(tool => tool.Found is not null).Select(tool => tool.Found!).ToArray();
                if (hashes?.Except(changed.Select(tool => tool.Sha256), StringComparer.Ordinal).FirstOrDefault() is { } unknown)
                {
                    throw new ProblemException(409, "mcp-definition-moved", $"No quarantined tool of '{name}' has the hash {unknown} now; look at GET /v1/mcp-servers/{name} again");
                }

                return ([.. changed.Where(tool => hashes is null || hashes.Contains(tool.Sha256)).Select(tool => new McpServerEvent.ToolApproved(tool.Name, tool.Sha256, by, time.GetUtcNow()))], []);
            },
            static _ => { },
            ct);
    }

    /// <summary>Pins what is offered for the first time and records what has changed.</summary>
    public Task Seen(string name, IReadOnlyCollection<McpToolDefinition> offered, IReadOnlyList<string> methods, CancellationToken ct) =>
        writer.Write(McpServer.Kind, name, known => (known.Seen(offered, methods, time.GetUtcNow()), []), static _ => { }, ct);
}
