using System.Globalization;
using System.Text.Json.Nodes;
using YamlDotNet.Core;
using YamlDotNet.Core.Events;
using YamlDotNet.RepresentationModel;

namespace AgentPlatform.ServiceDefaults;

/// <summary>Reads one YAML document (YAML 1.2 core schema; JSON is a subset) as a JSON tree; bounded in depth and in values.</summary>
public static class YamlToJson
{
    // Aliases let a small text stand for an enormous tree; what people write stays far below this.
    private const int NodesMax = 100_000;

    // What reads a tree calls itself once for each level; as deep as the stack would be a crash of the process, not an error.
    private const int DepthMax = 48;

    /// <summary>The document as JSON.</summary>
    /// <param name="text">YAML or JSON.</param>
    /// <param name="what">What it is for the messages: <c>plan</c>, <c>policy</c>.</param>
    /// <exception cref="InvalidYamlException">The text is no YAML, or too much of it; the message has the line.</exception>
    public static JsonNode? Read(string text, string what)
    {
        var stream = new YamlStream();
        try
        {
            stream.Load(new BoundedParser(text, what));
        }
        catch (YamlException e)
        {
            throw new InvalidYamlException($"The {what} is no valid YAML: line {e.Start.Line}, column {e.Start.Column}: {e.InnerException?.Message ?? e.Message}");
        }

        if (stream.Documents.Count != 1)
        {
            throw new InvalidYamlException($"A {what} is one YAML document; this text holds {stream.Documents.Count}");
        }

        var nodes = 0;
        return Convert(stream.Documents[0].RootNode, what, ref nodes, depth: 0);
    }

    private static JsonNode? Convert(YamlNode node, string what, ref int nodes, int depth)
    {
        // An alias may stand for the very value it is in, so the bound of the text is not enough.
        if (depth > DepthMax)
        {
            throw TooDeep(what, node.Start.Line);
        }

        if (++nodes > NodesMax)
        {
            throw new InvalidYamlException($"The {what} has more than {NodesMax} values; split it");
        }

        switch (node)
        {
            case YamlMappingNode mapping:
                var map = new JsonObject();
                foreach (var (key, value) in mapping.Children)
                {
                    map[(key as YamlScalarNode)?.Value ?? throw new InvalidYamlException($"Line {key.Start.Line}: a key must be a plain text")] = Convert(value, what, ref nodes, depth + 1);
                }

                return map;
            case YamlSequenceNode sequence:
                var list = new JsonArray();
                foreach (var item in sequence.Children)
                {
                    list.Add(Convert(item, what, ref nodes, depth + 1));
                }

                return list;
            case YamlScalarNode scalar:
                return Scalar(scalar);
            default:
                throw new InvalidYamlException($"Line {node.Start.Line}: a {node.NodeType} cannot stand in a {what}");
        }
    }

    private static JsonValue? Scalar(YamlScalarNode scalar)
    {
        var text = scalar.Value ?? string.Empty;
        if (scalar.Style != ScalarStyle.Plain)
        {
            return JsonValue.Create(text);
        }

        return text switch
        {
            "" or "~" or "null" or "Null" or "NULL" => null,
            "true" or "True" or "TRUE" => JsonValue.Create(true),
            "false" or "False" or "FALSE" => JsonValue.Create(false),
            _ when IsNumber(text) && long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var whole) => JsonValue.Create(whole),
            _ when IsNumber(text) && decimal.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var fraction) => JsonValue.Create(fraction),
            _ => JsonValue.Create(text),
        };
    }

    private static bool IsNumber(string text) => char.IsAsciiDigit(text[^1]) && (char.IsAsciiDigit(text[0]) || text[0] is '-' or '+' or '.') && !text.Contains(':', StringComparison.Ordinal);

    private static InvalidYamlException TooDeep(string what, long line) => new($"Line {line}: the {what} is nested more than {DepthMax} levels deep; no part of a {what} needs that");

    private sealed class BoundedParser(string text, string what) : IParser
    {
        private readonly Parser _parser = new(new StringReader(text));
        private int _depth;

        public ParsingEvent? Current => _parser.Current;

        public bool MoveNext()
        {
            var moved = _parser.MoveNext();
            _depth += _parser.Current?.NestingIncrease ?? 0;
            return _depth <= DepthMax + 2 ? moved : throw TooDeep(what, _parser.Current!.Start.Line);   // The stream and the document are levels of their own.
        }
    }
}

/// <summary>A text that is no YAML document we take.</summary>
/// <param name="message">Line and cause.</param>
public sealed class InvalidYamlException(string message) : Exception(message);
