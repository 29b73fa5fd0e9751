using System.Globalization;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using YamlDotNet.Core;
using YamlDotNet.RepresentationModel;

namespace AgentPlatform.ModelFabric.Scripted;

/// <summary>
/// Reads a script strictly: an unknown key is an error with its line, because a misspelt 'calls' would otherwise be a turn
/// that silently does nothing.
/// </summary>
public sealed partial class ParseScript
{
    private const int DepthMax = 64;
    private readonly TimeSpan _delayMax;
    private int _nodesLeft;

    private ParseScript(ModelFabricOptions.ScriptOptions options) => (_delayMax, _nodesLeft) = (options.DelayMax, options.NodesMax);

    public static Script From(string yaml, ModelFabricOptions.ScriptOptions options)
    {
        try
        {
            var stream = new YamlStream();
            stream.Load(new StringReader(yaml));
            return stream.Documents is [{ RootNode: YamlMappingNode root }]
                ? new ParseScript(options).Root(root)
                : throw new ScriptException("A script is one YAML document with 'model' and 'turns'.");
        }
        catch (YamlException broken)
        {
            throw new ScriptException($"line {broken.Start.Line}: not YAML: {broken.Message}", broken);
        }
    }

    private Script Root(YamlMappingNode root)
    {
        var keys = Keys(root, "model", "turns");
        var model = Text(keys, "model") ?? throw At(root, "'model' is missing; it is scripted/NAME.");
        var turns = keys.GetValueOrDefault("turns") as YamlSequenceNode ?? throw At(root, "'turns' is missing; it is a list of turns.");
        return new Script(model, [.. turns.Select(Turn)]);
    }

    private ScriptTurn Turn(YamlNode node)
    {
        var keys = Keys(Mapping(node, "a turn"), "text", "calls", "delay_ms", "chunk_delay_ms");
        var text = Text(keys, "text");
        var calls = keys.GetValueOrDefault("calls") switch
        {
            null => [],
            YamlSequenceNode list => list.Select(Call).ToArray(),
            var other => throw At(other, "'calls' is a list."),
        };
        if (text is null && calls.Length == 0)
        {
            throw At(node, "a turn needs 'text', 'calls' or both.");
        }
        return new ScriptTurn(text, calls, Delay(keys, "delay_ms"), Delay(keys, "chunk_delay_ms"));
    }

    private ScriptCall Call(YamlNode node)
    {
        var mapping = Mapping(node, "a call");
        var keys = Keys(mapping, "tool", "arguments");
        var tool = Text(keys, "tool") ?? throw At(node, "a call needs 'tool'.");
        var arguments = keys.GetValueOrDefault("arguments") is { } given ? Json(given, 0) : new JsonObject();
        return new ScriptCall(tool, arguments as JsonObject ?? throw At(node, "'arguments' is a mapping."));
    }

    /// <summary>YAML's core schema: what is written plain may be a number, true, false or null; what is quoted is text.</summary>
    private JsonNode? Json(YamlNode node, int depth)
    {
        // Aliases make a small file a very large value; counting what comes out bounds that.
        if (--_nodesLeft < 0 || depth > DepthMax)
        {
            throw At(node, $"arguments are too large or nested deeper than {DepthMax} (ModelFabric:Script:NodesMax).");
        }
        switch (node)
        {
            case YamlMappingNode mapping:
                var result = new JsonObject();
                foreach (var (key, value) in mapping.Children)
                {
                    result.Add(((YamlScalarNode)key).Value!, Json(value, depth + 1));
                }
                return result;
            case YamlSequenceNode sequence:
                return new JsonArray([.. sequence.Select(item => Json(item, depth + 1))]);
            case YamlScalarNode { Style: ScalarStyle.Plain } plain:
                return Plain(plain.Value ?? "");
            case YamlScalarNode quoted:
                return JsonValue.Create(quoted.Value ?? "");
            default:
                throw At(node, "an alias that cannot be resolved.");
        }
    }

    private static JsonValue? Plain(string text) => text switch
    {
        "" or "~" or "null" or "Null" or "NULL" => null,
        "true" or "True" or "TRUE" => JsonValue.Create(true),
        "false" or "False" or "FALSE" => JsonValue.Create(false),
        _ when Integer().IsMatch(text) && long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number) => JsonValue.Create(number),
        _ when Number().IsMatch(text) && double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) && double.IsFinite(number) => JsonValue.Create(number),
        _ => JsonValue.Create(text),
    };

    private TimeSpan Delay(Dictionary<string, YamlNode> keys, string key)
    {
        if (keys.GetValueOrDefault(key) is not { } node)
        {
            return TimeSpan.Zero;
        }
        return node is YamlScalarNode scalar && int.TryParse(scalar.Value, CultureInfo.InvariantCulture, out var milliseconds)
            && milliseconds >= 0 && TimeSpan.FromMilliseconds(milliseconds) <= _delayMax
            ? TimeSpan.FromMilliseconds(milliseconds)
            : throw At(node, $"'{key}' is a whole number from 0 to {_delayMax.TotalMilliseconds} (ModelFabric:Script:DelayMax).");
    }

    private static string? Text(Dictionary<string, YamlNode> keys, string key) => keys.GetValueOrDefault(key) switch
    {
        null => null,
        YamlScalarNode { Value: { } text } => text,
        var other => throw At(other, $"'{key}' is a text."),
    };

    private static YamlMappingNode Mapping(YamlNode node, string what) => node as YamlMappingNode ?? throw At(node, $"{what} is a mapping.");

    private static Dictionary<string, YamlNode> Keys(YamlMappingNode mapping, params string[] known)
    {
        var keys = new Dictionary<string, YamlNode>(StringComparer.Ordinal);
        foreach (var (key, value) in mapping.Children)
        {
            var name = (key as YamlScalarNode)?.Value ?? "";
            keys[name] = known.Contains(name) ? value : throw At(key, $"unknown key '{name}'; known here: {string.Join(", ", known)}.");
        }
        return keys;
    }

    private static ScriptException At(YamlNode node, string message) => new($"line {node.Start.Line}: {message}");

    [GeneratedRegex(@"^[-+]?[0-9]+$", RegexOptions.None, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Integer();

    [GeneratedRegex(@"^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Number();
}
