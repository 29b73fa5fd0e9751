using System.Collections.Frozen;
using System.Reflection;
using System.Text.Json;

namespace AgentPlatform.EventStore;

/// <summary>Which stored name stands for which .NET type, and how old shapes become new ones.</summary>
/// <remarks>Built once at start; a name used twice or a type without a name stops the start.</remarks>
public sealed class EventTypes
{
    private readonly FrozenDictionary<string, Type> _byName;
    private readonly FrozenDictionary<Type, string> _byType;
    private readonly FrozenDictionary<Type, string> _dotnetNames;
    private readonly FrozenDictionary<string, Func<JsonElement, object>> _upcasters;

    private EventTypes(Dictionary<string, Type> byName, Dictionary<string, Func<JsonElement, object>> upcasters)
    {
        _byName = byName.ToFrozenDictionary(StringComparer.Ordinal);
        _byType = byName.ToFrozenDictionary(pair => pair.Value, pair => pair.Key);
        _dotnetNames = byName.Values.ToFrozenDictionary(type => type, type => $"{type.FullName}, {type.Assembly.GetName().Name}");
        _upcasters = upcasters.ToFrozenDictionary(StringComparer.Ordinal);
    }

    /// <summary>How events are written: .NET property names as they are and enums as integers, which is what Marten reads.</summary>
    public static JsonSerializerOptions Json { get; } = new(JsonSerializerOptions.Default) { MaxDepth = 64 };

    /// <summary>Collects every nested record of the closed lists given, for example <c>typeof(RunEvent)</c>.</summary>
    /// <param name="closedLists">Base records whose nested sealed records carry <see cref="StoredAsAttribute"/>.</param>
    /// <exception cref="InvalidOperationException">A record has no stored name, or two share one.</exception>
    public static EventTypes Of(params ReadOnlySpan<Type> closedLists) => Of([], closedLists);

    /// <summary>As <see cref="Of(ReadOnlySpan{Type})"/>, with upcasters for names that are no longer written.</summary>
    /// <param name="upcasters">Old stored name → how its JSON becomes an event of today.</param>
    /// <param name="closedLists">Base records of today's events.</param>
    public static EventTypes Of(Dictionary<string, Func<JsonElement, object>> upcasters, params ReadOnlySpan<Type> closedLists)
    {
        ArgumentNullException.ThrowIfNull(upcasters);
        var byName = new Dictionary<string, Type>(StringComparer.Ordinal);
        foreach (var list in closedLists)
        {
            foreach (var type in list.GetNestedTypes(BindingFlags.Public | BindingFlags.NonPublic).Where(t => t.IsSubclassOf(list)))
            {
                var name = type.GetCustomAttribute<StoredAsAttribute>()?.Name
                    ?? throw new InvalidOperationException($"{type.FullName} is an event without a stored name: give it [StoredAs(\"…\")]");
                if (!byName.TryAdd(name, type))
                {
                    throw new InvalidOperationException($"The stored name '{name}' is claimed by {type.FullName} and {byName[name].FullName}: a name stands for one shape for ever");
                }
            }
        }

        return new EventTypes(byName, upcasters);
    }

    /// <summary>The stored name of an event type.</summary>
    /// <param name="type">The .NET type.</param>
    /// <exception cref="InvalidOperationException">The type was not registered.</exception>
    public string NameOf(Type type) =>
        _byType.TryGetValue(type, out var name) ? name : throw new InvalidOperationException($"{type.FullName} is not registered as an event of this store");

    /// <summary>What <c>mt_dotnet_type</c> holds: full name and assembly.</summary>
    internal string DotnetNameOf(Type type) => _dotnetNames[type];

    /// <summary>Reads the JSON of a stored event.</summary>
    /// <param name="name">The stored name.</param>
    /// <param name="json">The stored JSON, as UTF-8.</param>
    /// <exception cref="UnknownEventTypeException">Nothing is registered for the name.</exception>
    public object Read(string name, ReadOnlySpan<byte> json)
    {
        if (_byName.TryGetValue(name, out var type))
        {
            return JsonSerializer.Deserialize(json, type, Json)!;
        }

        return _upcasters.TryGetValue(name, out var upcast)
            ? upcast(JsonSerializer.Deserialize<JsonElement>(json))
            : throw new UnknownEventTypeException(name);
    }
}
