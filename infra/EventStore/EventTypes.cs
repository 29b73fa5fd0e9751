using System.Collections.Frozen;
using System.Reflection;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace AgentPlatform.EventStore;

/// <summary>Which stored name stands for which .NET type, and how old shapes become new ones.</summary>
/// <remarks>Built once at start; a name used twice or a type without a name stops the start.</remarks>
public sealed class EventTypes
{
    private readonly FrozenDictionary<string, Type> _byName;
    private readonly FrozenDictionary<string, Type>.AlternateLookup<ReadOnlySpan<char>> _bySpan;
    private readonly FrozenDictionary<Type, string> _byType;
    private readonly FrozenDictionary<Type, string> _dotnetNames;
    private readonly FrozenDictionary<string, Upcast> _upcasts;

    private EventTypes(Dictionary<string, Type> byName, Dictionary<string, Upcast> upcasts)
    {
        _byName = byName.ToFrozenDictionary(StringComparer.Ordinal);
        _bySpan = _byName.GetAlternateLookup<ReadOnlySpan<char>>();
        _byType = byName.ToFrozenDictionary(pair => pair.Value, pair => pair.Key);
        _dotnetNames = byName.Values.ToFrozenDictionary(type => type, type => $"{type.FullName}, {type.Assembly.GetName().Name}");
        _upcasts = upcasts.ToFrozenDictionary(StringComparer.Ordinal);
    }

    /// <summary>How events are written: .NET property names as they are and enums as integers, which is what Marten reads.</summary>
    public static JsonSerializerOptions Json { get; } = new(JsonSerializerOptions.Default) { MaxDepth = 64 };

    /// <summary>Collects every nested record of the closed lists given, for example <c>typeof(RunEvent)</c>.</summary>
    /// <param name="closedLists">Base records whose nested sealed records carry <see cref="StoredAsAttribute"/>.</param>
    /// <exception cref="InvalidOperationException">A record has no stored name, or two share one.</exception>
    public static EventTypes Of(params ReadOnlySpan<Type> closedLists) => Of([], closedLists);

    /// <summary>As <see cref="Of(ReadOnlySpan{Type})"/>, with upcasts for names that are no longer written.</summary>
    /// <param name="upcasts">How old shapes become events of today.</param>
    /// <param name="closedLists">Base records of today's events.</param>
    /// <exception cref="InvalidOperationException">As without upcasts; or an upcast begins at a name of today, leads nowhere, or round in a circle.</exception>
    public static EventTypes Of(IReadOnlyCollection<Upcast> upcasts, params ReadOnlySpan<Type> closedLists)
    {
        ArgumentNullException.ThrowIfNull(upcasts);
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

        return new EventTypes(byName, Checked(upcasts, byName));
    }

    /// <summary>The stored names that are written today.</summary>
    public IEnumerable<string> Names => _byName.Keys;

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
    public object Read(ReadOnlySpan<char> name, ReadOnlySpan<byte> json) =>
        _bySpan.TryGetValue(name, out var type) ? JsonSerializer.Deserialize(json, type, Json)! : Upcast(name.ToString(), json);

    private object Upcast(string name, ReadOnlySpan<byte> stored)
    {
        if (!_upcasts.TryGetValue(name, out var upcast))
        {
            throw new UnknownEventTypeException(name);
        }

        for (var json = JsonNode.Parse(stored)!; ; upcast = _upcasts[upcast.ToName!])
        {
            if (upcast.Make is { } make)
            {
                return make(json.Deserialize<JsonElement>());
            }

            json = upcast.Reshape!(json);
            if (_byName.TryGetValue(upcast.ToName!, out var type))
            {
                return json.Deserialize(type, Json)!;
            }
        }
    }

    private static Dictionary<string, Upcast> Checked(IReadOnlyCollection<Upcast> upcasts, Dictionary<string, Type> byName)
    {
        var byFrom = new Dictionary<string, Upcast>(StringComparer.Ordinal);
        foreach (var upcast in upcasts)
        {
            if (byName.TryGetValue(upcast.From, out var today))
            {
                throw new InvalidOperationException($"The upcast from '{upcast.From}' would never be used: {today.FullName} is stored under that name today");
            }

            if (!byFrom.TryAdd(upcast.From, upcast))
            {
                throw new InvalidOperationException($"Two upcasts begin at '{upcast.From}'");
            }
        }

        foreach (var first in upcasts)
        {
            var (last, steps) = (first, 0);
            while (last.ToName is { } next && !byName.ContainsKey(next))
            {
                last = byFrom.GetValueOrDefault(next) ?? throw new InvalidOperationException($"The upcast from '{last.From}' leads to '{next}', which is neither an event of today nor the begin of another upcast");
                if (++steps > upcasts.Count)
                {
                    throw new InvalidOperationException($"The upcast from '{first.From}' leads round in a circle");
                }
            }

            if (last.ToType is { } made && !byName.ContainsValue(made))
            {
                throw new InvalidOperationException($"The upcast from '{last.From}' makes {made.FullName}, which is no event of this store");
            }
        }

        return byFrom;
    }
}
