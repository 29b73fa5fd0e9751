using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using AgentPlatform.EventStore;

namespace AgentPlatform.Testing.Streams;

/// <summary>
/// Streams as earlier versions stored them, one file each (<c>run-2026-01-failed.json</c>: an array of type and data), folded by today's code. A recorded
/// stream is never changed; a new shape gets a new file beside it. The state it ends in stands in <c>….state.json</c> and may be recorded anew, on purpose,
/// when the state itself got another shape: set RECORD_STREAMS=1, run the tests (twice for a new stream), and look at the difference before it is committed.
/// </summary>
/// <param name="types">The events of today.</param>
/// <param name="folder">Where the files are.</param>
public sealed class RecordedStreams(EventTypes types, string folder)
{
    private static readonly JsonSerializerOptions Indented = new(EventTypes.Json) { WriteIndented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private static bool Recording => Environment.GetEnvironmentVariable("RECORD_STREAMS") == "1";

    /// <summary>The recorded streams whose name begins like this.</summary>
    public IReadOnlyList<string> Files(string begin) =>
        [.. Directory.EnumerateFiles(folder, $"{begin}*.json").Select(file => Path.GetFileName(file)).Where(file => !file.EndsWith(".state.json", StringComparison.Ordinal)).Order(StringComparer.Ordinal)];

    /// <summary>The events of one stream, in today's form.</summary>
    public IReadOnlyList<object> Read(string file) => [.. Stored(file).Select(e => types.Read(e.Type, JsonSerializer.SerializeToUtf8Bytes(e.Data)))];

    /// <summary>Folds every recorded stream of a kind.</summary>
    /// <returns>What is not as it was recorded, with the remedy; nothing when all is well.</returns>
    public IEnumerable<string> Changes<TState, TEvent>(StreamKind<TState, TEvent> kind)
        where TState : class
        where TEvent : class
    {
        var files = Files(kind.Name + "-");
        return files.Count == 0 ? [$"no stream of the kind {kind.Name} is recorded"] : files.SelectMany(file => Changes(kind, file));
    }

    /// <summary>Stored names of today that stand in no recorded stream.</summary>
    public IEnumerable<string> Missing() => types.Names.Except(Files(string.Empty).SelectMany(Stored).Select(e => e.Type), StringComparer.Ordinal);

    /// <summary>Events whose recorded values are not all in today's form: a property that was renamed or dropped loses them without an error.</summary>
    public IEnumerable<string> Losses() =>
        from file in Files(string.Empty)
        from e in Stored(file)
        where types.Names.Contains(e.Type, StringComparer.Ordinal)
        let today = types.Read(e.Type, JsonSerializer.SerializeToUtf8Bytes(e.Data))
        where !IsIn(JsonNode.Parse(e.Data.GetRawText()), JsonSerializer.SerializeToNode(today, today.GetType(), EventTypes.Json))
        select $"{file}: {e.Type} loses values; give the new shape a new stored name and an upcast from the old one";

    /// <summary>Records a stream of today under a new name; does nothing unless asked to, and never writes over what was recorded.</summary>
    /// <returns>Whether the stream is recorded.</returns>
    public bool Record(string name, IReadOnlyCollection<object> events)
    {
        var path = Path.Combine(folder, name + ".json");
        if (Recording && !File.Exists(path))
        {
            var lines = events.Select(e => $$"""{"type":"{{types.NameOf(e.GetType())}}","data":{{JsonSerializer.Serialize(e, e.GetType(), EventTypes.Json)}}}""");
            File.WriteAllText(path, $"[\n{string.Join(",\n", lines)}\n]\n");
        }

        return File.Exists(path);
    }

    private IEnumerable<string> Changes<TState, TEvent>(StreamKind<TState, TEvent> kind, string file)
        where TState : class
        where TEvent : class
    {
        var state = Read(file).Cast<TEvent>().Aggregate(kind.Initial, kind.Evolve);
        var told = Sorted(new JsonObject { ["Phase"] = state.GetType().Name, ["State"] = JsonSerializer.SerializeToNode(state, state.GetType(), EventTypes.Json) })!.ToJsonString(Indented) + "\n";
        var path = Path.Combine(folder, Path.ChangeExtension(file, ".state.json"));
        if (Recording)
        {
            File.WriteAllText(path, told);
        }

        return !File.Exists(path) ? [$"the state of {file} is not recorded yet; run the tests once with RECORD_STREAMS=1 and commit the file"]
            : File.ReadAllText(path) != told ? [$"{file} folds to another state than it did:\n{told}"]
            : [];
    }

    private List<(string Type, JsonElement Data)> Stored(string file)
    {
        using var stream = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(folder, file)));
        return [.. stream.RootElement.EnumerateArray().Select(e => (e.GetProperty("type").GetString()!, e.GetProperty("data").Clone()))];
    }

    // Dictionaries of a state have no order of their own.
    private static JsonNode? Sorted(JsonNode? node) => node switch
    {
        JsonObject o => new JsonObject(o.OrderBy(p => p.Key, StringComparer.Ordinal).Select(p => KeyValuePair.Create(p.Key, Sorted(p.Value)))),
        JsonArray a => new JsonArray([.. a.Select(Sorted)]),
        _ => node?.DeepClone(),
    };

    private static bool IsIn(JsonNode? recorded, JsonNode? today) => (recorded, today) switch
    {
        (JsonObject r, JsonObject t) => r.All(p => t.TryGetPropertyValue(p.Key, out var value) && IsIn(p.Value, value)),
        (JsonArray r, JsonArray t) => r.Count == t.Count && r.Zip(t).All(pair => IsIn(pair.First, pair.Second)),
        _ => JsonNode.DeepEquals(recorded, today),
    };
}
