using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace AgentPlatform.ModelFabric.Scripted;

/// <summary>
/// Fills <c>{{result N path}}</c> with a value from the N-th tool result of the conversation. <c>{{value N path}}</c>, alone
/// in a string, becomes the JSON value itself, so a number stays a number. What is neither stays as written.
/// </summary>
public sealed partial class Placeholders(IReadOnlyList<string> toolResults, int charactersMax)
{
    private int _charactersLeft = charactersMax;

    public string FillText(string template)
    {
        var filled = Pattern().Replace(template, match => Text(Resolve(match)));
        _charactersLeft -= filled.Length;
        return _charactersLeft >= 0 ? filled : throw new ScriptException($"the filled answer grew too large (ModelFabric:Script:AnswerCharactersMax).");
    }

    public JsonNode? Fill(JsonNode? template) => template switch
    {
        JsonObject mapping => new JsonObject(mapping.Select(pair => KeyValuePair.Create(pair.Key, Fill(pair.Value)))),
        JsonArray list => new JsonArray([.. list.Select(Fill)]),
        JsonValue value when value.TryGetValue<string>(out var text) => FillString(text),
        _ => template?.DeepClone(),
    };

    private JsonNode? FillString(string text)
    {
        var match = Pattern().Match(text);
        if (match.Success && match.Length == text.Length && match.Groups["kind"].Value == "value")
        {
            var value = Resolve(match);
            _charactersLeft -= value.ValueKind == JsonValueKind.String ? value.GetString()!.Length : value.GetRawText().Length;
            return JsonNode.Parse(value.GetRawText());
        }
        return JsonValue.Create(FillText(text));
    }

    private JsonElement Resolve(Match match)
    {
        var placeholder = match.Value;
        if (!int.TryParse(match.Groups["index"].Value, out var index))
        {
            throw new ScriptException($"the placeholder {placeholder} has no number; write {{{{result N path}}}}.");
        }
        if (index >= toolResults.Count)
        {
            throw new ScriptException($"the placeholder {placeholder} cannot be filled: the conversation has {toolResults.Count} tool results, counted from 0.");
        }
        var path = match.Groups["path"].Value.Trim();
        var content = toolResults[index];
        if (path.Length == 0)
        {
            return TryParse(content) is { ValueKind: JsonValueKind.String } json ? json : JsonSerializer.SerializeToElement(content);
        }
        var root = TryParse(content) ?? throw new ScriptException($"the placeholder {placeholder} cannot be filled: tool result {index} is not JSON, so it has no '{path}'.");
        return Walk(root, path, placeholder);
    }

    private static JsonElement Walk(JsonElement at, string path, string placeholder)
    {
        var consumed = 0;
        foreach (Match step in Step().Matches(path))
        {
            if (step.Index != consumed)
            {
                break;
            }
            consumed += step.Length;
            var name = step.Groups["name"];
            var found = name.Success
                ? at.ValueKind == JsonValueKind.Object && at.TryGetProperty(name.Value, out var member) ? member : (JsonElement?)null
                : at.ValueKind == JsonValueKind.Array && int.TryParse(step.Groups["item"].Value, out var item) && item < at.GetArrayLength() ? at[item] : null;
            at = found ?? throw new ScriptException($"the placeholder {placeholder} cannot be filled: '{path[..consumed]}' is not in the tool result.");
        }
        return consumed == path.Length ? at : throw new ScriptException($"the placeholder {placeholder} has a path that cannot be read at '{path[consumed..]}'; write a.b[0].c.");
    }

    private static JsonElement? TryParse(string content)
    {
        try
        {
            using var document = JsonDocument.Parse(content);
            return document.RootElement.Clone();
        }
        catch (JsonException)
        {
            // A tool may answer in plain text; that is a value too, only without parts.
            return null;
        }
    }

    private static string Text(JsonElement value) => value.ValueKind == JsonValueKind.String ? value.GetString()! : value.GetRawText();

    [GeneratedRegex(@"\{\{\s*(?<kind>result|value)\b\s*(?<index>[0-9]*)(?<path>[^{}]*)\}\}", RegexOptions.None, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Pattern();

    [GeneratedRegex(@"(?:^|\.)(?<name>[^.\[\]]+)|\[(?<item>[0-9]+)\]", RegexOptions.None, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Step();
}
