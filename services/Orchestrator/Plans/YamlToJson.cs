using System.Globalization;
using System.Text.Json.Nodes;
using YamlDotNet.Core;
using YamlDotNet.Core.Events;
using YamlDotNet.RepresentationModel;

namespace AgentPlatform.Orchestrator.Plans;

/// <summary>Reads one YAML document (YAML 1.2 core schema; JSON is a subset) as a JSON tree.</summary>
internal static class YamlToJson
{
    // Aliases let a small text stand for an enormous tree; what a plan may need stays far below this.
    private const int NodesMax = 100_000;

    // What reads a tree calls itself once for each level; as deep as the stack would be a crash of the process, not an error.
    private const int DepthMax = 48;

    /// <exception cref="InvalidPlanException">The text is no YAML; the message has line and column.</exception>
    public static JsonNode? Read(string text)
    {
        var stream = new YamlStream();
        try
        {
            stream.Load(new BoundedParser(text));
        }
        catch (YamlException e)
        {
            throw new InvalidPlanException($"The plan is no valid YAML: line {e.Start.Line}, column {e.Start.Column}: {e.InnerException?.Message ?? e.Message}");
        }

        if (stream.Documents.Count != 1)
        {
            throw new InvalidPlanException($"A plan is one YAML document; this text holds {stream.Documents.Count}");
        }

        var nodes = 0;
        return Convert(stream.Documents[0].RootNode, ref nodes, depth: 0);
    }

    private static JsonNode? Convert(YamlNode node, ref int nodes, int depth)
    {
        // An alias may stand for the very value it is in, so the bound of the text is not enough.
        if (depth > DepthMax)
        {
            throw TooDeep(node.Start.Line);
        }

        if (++nodes > NodesMax)
        {
            throw new InvalidPlanException($"The plan has more than {NodesMax} values; split it");
        }

        switch (node)
        {
            case YamlMappingNode mapping:
                var map = new JsonObject();
                foreach (var (key, value) in mapping.Children)
                {
                    map[(key as YamlScalarNode)?.Value ?? throw new InvalidPlanException($"Line {key.Start.Line}: a key must be a plain text")] = Convert(value, ref nodes, depth + 1);
                }

                return map;
            case YamlSequenceNode sequence:
                var list = new JsonArray();
                foreach (var item in sequence.Children)
                {
                    list.Add(Convert(item, ref nodes, depth + 1));
                }

                return list;
            case YamlScalarNode scalar:
                return Scalar(scalar);
            default:
                throw new InvalidPlanException($"Line {node.Start.Line}: a {node.NodeType} cannot stand in a plan");
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

    private static InvalidPlanException TooDeep(long line) => new($"Line {line}: the plan is nested more than {DepthMax} levels deep; no part of a plan needs that");

    private sealed class BoundedParser(string text) : IParser
    {
        private readonly Parser _parser = new(new StringReader(text));
        private int _depth;

        public ParsingEvent? Current => _parser.Current;

        public bool MoveNext()
        {
            var moved = _parser.MoveNext();
            _depth += _parser.Current?.NestingIncrease ?? 0;
            return _depth <= DepthMax + 2 ? moved : throw TooDeep(_parser.Current!.Start.Line);   // The stream and the document are levels of their own.
        }
    }
}
