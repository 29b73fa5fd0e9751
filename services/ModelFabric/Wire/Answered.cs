using System.Text.Json;

namespace AgentPlatform.ModelFabric.Wire;

/// <summary>A value in a provider's answer. Providers vary, so what is missing or of another type is simply not there.</summary>
internal readonly struct Answered
{
    private readonly JsonElement _value;

    /// <exception cref="JsonException">An answer is an object.</exception>
    public Answered(JsonElement value)
    {
        _value = value;
        if (value.ValueKind != JsonValueKind.Object)
        {
            throw new JsonException("not a JSON object");
        }
    }

    private Answered(JsonElement value, bool any) => (_value, _) = (value, any);

    public bool IsObject => _value.ValueKind == JsonValueKind.Object;

    public Answered? Get(string name) =>
        IsObject && _value.TryGetProperty(name, out var found) && found.ValueKind is not (JsonValueKind.Null or JsonValueKind.Undefined) ? new Answered(found, any: true) : null;

    public string? Text(string name) => Get(name) is { _value.ValueKind: JsonValueKind.String } text ? text._value.GetString() : null;

    public long? Number(string name) => Get(name) is { _value.ValueKind: JsonValueKind.Number } number && number._value.TryGetInt64(out var value) ? value : null;

    public bool Flag(string name) => Get(name) is { _value.ValueKind: JsonValueKind.True };

    public string Raw() => _value.GetRawText();

    public IEnumerable<Answered> Items(string name) =>
        Get(name) is { _value.ValueKind: JsonValueKind.Array } list ? list._value.EnumerateArray().Select(item => new Answered(item, any: true)) : [];
}
