using System.Text.Json;
using System.Text.Json.Nodes;

namespace AgentPlatform.EventStore;

/// <summary>
/// How an event that was stored under a name no longer written becomes one of today. Each leads one step on, to a name or to an event; a stored name may be
/// several steps away from today, and a new shape adds one upcast without touching the older ones.
/// </summary>
public sealed class Upcast
{
    private Upcast(string from, string? toName, Type? toType, Func<JsonNode, JsonNode>? reshape, Func<JsonElement, object>? make) =>
        (From, ToName, ToType, Reshape, Make) = (from, toName, toType, reshape, make);

    /// <summary>The stored name that is no longer written.</summary>
    public string From { get; }

    internal string? ToName { get; }

    internal Type? ToType { get; }

    internal Func<JsonNode, JsonNode>? Reshape { get; }

    internal Func<JsonElement, object>? Make { get; }

    /// <summary>Only the name changed.</summary>
    /// <param name="from">The old stored name.</param>
    /// <param name="to">Today's name, or that of another upcast.</param>
    public static Upcast Renamed(string from, string to) => new(from, to, toType: null, reshape: static json => json, make: null);

    /// <summary>The JSON of the old shape becomes the JSON of the next one.</summary>
    /// <param name="from">The old stored name.</param>
    /// <param name="to">Today's name, or that of another upcast.</param>
    /// <param name="reshape">Changes the object.</param>
    public static Upcast Reshaped(string from, string to, Action<JsonObject> reshape) => new(from, to, toType: null, json => Changed(json.AsObject(), reshape), make: null);

    /// <summary>The JSON of the old shape becomes an event of today.</summary>
    /// <typeparam name="TEvent">An event of today.</typeparam>
    /// <param name="from">The old stored name.</param>
    /// <param name="make">Makes the event.</param>
    public static Upcast To<TEvent>(string from, Func<JsonElement, TEvent> make)
        where TEvent : class =>
        new(from, toName: null, typeof(TEvent), reshape: null, make);

    private static JsonObject Changed(JsonObject json, Action<JsonObject> reshape)
    {
        reshape(json);
        return json;
    }
}
