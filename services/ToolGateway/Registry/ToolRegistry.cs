using System.Collections.Concurrent;
using System.Collections.Frozen;
using System.Security.Cryptography;
using System.Text.Json;
using AgentPlatform.Contracts;
using AgentPlatform.ServiceDefaults;
using AgentPlatform.ToolGateway.Toolkits;
using NJsonSchema;

namespace AgentPlatform.ToolGateway.Registry;

/// <summary>
/// The tools that can be called, by <c>server.tool</c> and by <c>server.tool@version</c>: the built-in ones, whose names clash at start or never, and those of MCP
/// servers, which come and go below their server's name.
/// </summary>
public sealed class ToolRegistry
{
    private readonly FrozenDictionary<string, FrozenDictionary<string, Entry>> _builtIn;
    private readonly ConcurrentDictionary<string, FrozenDictionary<string, Entry>> _served = new(StringComparer.Ordinal);

    public ToolRegistry(IEnumerable<ITool> tools) =>
        _builtIn = tools.GroupBy(tool => tool.Spec.Server, StringComparer.Ordinal).ToFrozenDictionary(server => server.Key, server => ByName(server, spec => new Lazy<Schema>(new Schema(Schemas.Read(spec.InputSchema)))), StringComparer.Ordinal);

    /// <summary>Every tool, by name.</summary>
    public IReadOnlyList<ToolView> Views => [.. _builtIn.Values.Concat(_served.Values).SelectMany(s => s.Values).Distinct().Select(e => e.View).OrderBy(v => v.Name, StringComparer.Ordinal)];

    /// <summary>Whether built-in tools have this first part of their names.</summary>
    public bool IsBuiltIn(string server) => _builtIn.ContainsKey(server);

    /// <summary>These are the tools of an MCP server from now on.</summary>
    /// <param name="server">The first part of their names, which no built-in tool has.</param>
    /// <param name="tools">All of them.</param>
    public void Serve(string server, IReadOnlyCollection<ITool> tools)
    {
        ArgumentNullException.ThrowIfNull(tools);
        if (tools.Count == 0)
        {
            _served.TryRemove(server, out _);
        }
        else
        {
            _served[server] = !IsBuiltIn(server) && tools.All(tool => tool.Spec.Server == server) ? ByName(tools, Foreign) : throw new ArgumentException($"These are not tools of the MCP server {server}", nameof(tools));
        }
    }

    public ITool? Find(string name) => Get(name)?.Tool;

    /// <summary>What is wrong with the arguments, or null.</summary>
    public string? Misfit(string name, JsonElement arguments)
    {
        try
        {
            var schema = Get(name)!.Schema.Value;
            if (schema.Read is not { } readable)
            {
                return $"its schema cannot be read, so nothing fits it: {schema.Fault}";
            }

            var errors = readable.Validate(arguments.GetRawText());
            return errors.Count == 0 ? null : string.Join("; ", errors.Take(5).Select(e => $"{e.Kind} at {e.Path ?? "#"}"));
        }
        catch (Newtonsoft.Json.JsonException e)
        {
            // What a model sends may be JSON that nothing can hold: an integer of twenty digits, for example. The model gets to read it; a throw would go round and round.
            return e.Message;
        }
    }

    private Entry? Get(string name)
    {
        var server = name.Split('.', 2)[0];
        return (_builtIn.GetValueOrDefault(server) ?? _served.GetValueOrDefault(server))?.GetValueOrDefault(name);
    }

    // Read when it is first needed: a server may have hundreds of tools, of which few are called. What is wrong with it is the server's fault, not ours.
    private static Lazy<Schema> Foreign(ToolSpec spec) => new(() =>
    {
        try
        {
            return new Schema(Schemas.Read(spec.InputSchema));
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            return new Schema(null, e.Message);
        }
    });

    private static FrozenDictionary<string, Entry> ByName(IEnumerable<ITool> tools, Func<ToolSpec, Lazy<Schema>> read)
    {
        var byName = new Dictionary<string, Entry>(StringComparer.Ordinal);
        foreach (var tool in tools)
        {
            var entry = new Entry(tool, View(tool.Spec), read(tool.Spec));
            if (!byName.TryAdd(tool.Spec.FullName, entry) || !byName.TryAdd(tool.Spec.Id, entry))
            {
                throw new InvalidOperationException($"Two tools are named {tool.Spec.FullName}; a name stands for one tool");
            }
        }

        return byName.ToFrozenDictionary(StringComparer.Ordinal);
    }

    private static ToolView View(ToolSpec spec)
    {
        var pinned = SHA256.HashData(JsonSerializer.SerializeToUtf8Bytes(new { spec.FullName, spec.Description, spec.InputSchema }));
        return new ToolView(
            spec.Id, spec.FullName, spec.Version, spec.Title, spec.Description, spec.InputSchema, spec.ReadOnly, spec.Idempotent, spec.Destructive, spec.OpenWorld, Convert.ToHexStringLower(pinned));
    }

    private sealed record Schema(JsonSchema? Read, string? Fault = null);

    private sealed record Entry(ITool Tool, ToolView View, Lazy<Schema> Schema);
}
