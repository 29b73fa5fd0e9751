using System.Collections.Frozen;
using System.Security.Cryptography;
using System.Text.Json;
using AgentPlatform.Contracts;
using AgentPlatform.ServiceDefaults;
using AgentPlatform.ToolGateway.Toolkits;
using NJsonSchema;

namespace AgentPlatform.ToolGateway.Registry;

/// <summary>The tools that can be called, by <c>server.tool</c> and by <c>server.tool@version</c>. A name stands for one tool; a clash stops the start.</summary>
public sealed class ToolRegistry
{
    private readonly FrozenDictionary<string, Entry> _byName;

    public ToolRegistry(IEnumerable<ITool> tools)
    {
        var byName = new Dictionary<string, Entry>(StringComparer.Ordinal);
        foreach (var tool in tools)
        {
            var entry = new Entry(tool, View(tool.Spec), Schemas.Read(tool.Spec.InputSchema));
            if (!byName.TryAdd(tool.Spec.FullName, entry) || !byName.TryAdd(tool.Spec.Id, entry))
            {
                throw new InvalidOperationException($"Two tools are named {tool.Spec.FullName}; a name stands for one tool");
            }
        }

        _byName = byName.ToFrozenDictionary(StringComparer.Ordinal);
        Views = [.. byName.Values.Distinct().Select(e => e.View).OrderBy(v => v.Name, StringComparer.Ordinal)];
    }

    /// <summary>Every tool, by name.</summary>
    public IReadOnlyList<ToolView> Views { get; }

    public ITool? Find(string name) => _byName.GetValueOrDefault(name)?.Tool;

    /// <summary>What is wrong with the arguments, or null.</summary>
    public string? Misfit(string name, JsonElement arguments)
    {
        try
        {
            var errors = _byName[name].Schema.Validate(arguments.GetRawText());
            return errors.Count == 0 ? null : string.Join("; ", errors.Take(5).Select(e => $"{e.Kind} at {e.Path ?? "#"}"));
        }
        catch (Newtonsoft.Json.JsonException e)
        {
            // What a model sends may be JSON that nothing can hold: an integer of twenty digits, for example. The model gets to read it; a throw would go round and round.
            return e.Message;
        }
    }

    private static ToolView View(ToolSpec spec)
    {
        var pinned = SHA256.HashData(JsonSerializer.SerializeToUtf8Bytes(new { spec.FullName, spec.Description, spec.InputSchema }));
        return new ToolView(
            spec.Id, spec.FullName, spec.Version, spec.Title, spec.Description, spec.InputSchema, spec.ReadOnly, spec.Idempotent, spec.Destructive, spec.OpenWorld, Convert.ToHexStringLower(pinned));
    }

    private sealed record Entry(ITool Tool, ToolView View, JsonSchema Schema);
}
