using System.Text.Json;
using AgentPlatform.ModelFabric.Wire;

namespace AgentPlatform.ModelFabric.Exchange;

/// <summary>A value in a caller's request together with its path, so that whatever is wrong with it can be named.</summary>
public readonly struct JsonField(JsonElement value, string path, Passage passage)
{
    public JsonElement Value { get; } = value;
    public string Path { get; } = path;
    public Passage Passage { get; } = passage;

    public bool IsText => Value.ValueKind == JsonValueKind.String;
    public bool IsList => Value.ValueKind == JsonValueKind.Array;

    /// <summary>Null when it is absent or null, which every format takes for the same.</summary>
    public JsonField? Get(string name)
    {
        if (Value.ValueKind != JsonValueKind.Object)
        {
            throw Wrong("an object");
        }
        return Value.TryGetProperty(name, out var found) && found.ValueKind is not (JsonValueKind.Null or JsonValueKind.Undefined)
            ? new JsonField(found, Path.Length == 0 ? name : $"{Path}.{name}", Passage)
            : null;
    }

    public JsonField Need(string name) => Get(name)
        ?? throw ModelCallException.Invalid("missing_property", $"'{(Path.Length == 0 ? name : $"{Path}.{name}")}' is missing.", Path.Length == 0 ? name : $"{Path}.{name}");

    public string Text() => IsText ? Value.GetString()! : throw Wrong("a string");

    public string Text(string name) => Need(name).Text();

    public bool Flag() => Value.ValueKind is JsonValueKind.True or JsonValueKind.False ? Value.GetBoolean() : throw Wrong("true or false");

    public long Whole() => Value.ValueKind == JsonValueKind.Number && Value.TryGetInt64(out var number) ? number : throw Wrong("a whole number");

    public double Number() => Value.ValueKind == JsonValueKind.Number ? Value.GetDouble() : throw Wrong("a number");

    public IEnumerable<JsonField> Items()
    {
        if (!IsList)
        {
            throw Wrong("an array");
        }
        var (path, passage) = (Path, Passage);
        return Value.EnumerateArray().Select((item, index) => new JsonField(item, $"{path}[{index}]", passage));
    }

    /// <summary>Refuses every property that nobody here knows: what is not understood cannot be translated.</summary>
    public JsonField Only(params ReadOnlySpan<string> known)
    {
        if (Value.ValueKind != JsonValueKind.Object)
        {
            throw Wrong("an object");
        }
        foreach (var property in Value.EnumerateObject())
        {
            if (property.Value.ValueKind != JsonValueKind.Null && !known.Contains(property.Name))
            {
                throw Passage.CannotCarry(Path.Length == 0 ? property.Name : $"{Path}.{property.Name}");
            }
        }
        return this;
    }

    /// <summary>Leaves a property behind that advises and does not ask.</summary>
    public void Hint(string name)
    {
        if (Get(name) is not null)
        {
            Passage.LeaveHint(name);
        }
    }

    /// <summary>A copy that outlives the document it was read from.</summary>
    public JsonElement Keep() => Value.Clone();

    public ModelCallException Wrong(string wanted) => ModelCallException.Invalid("invalid_type", $"'{Path}' must be {wanted}.", Path);
}
