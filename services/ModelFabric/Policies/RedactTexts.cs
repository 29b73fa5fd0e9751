using System.Buffers;
using System.Collections.Concurrent;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.RegularExpressions;
using AgentPlatform.ModelFabric.Wire;

namespace AgentPlatform.ModelFabric.Policies;

/// <summary>
/// Takes out of a request what must not leave. Every text of its JSON is looked at, whatever it means: what a rule finds becomes
/// <c>[name]</c>. Texts without a finding, and everything between them, stay the caller's bytes.
/// </summary>
public static class RedactTexts
{
    private static readonly ConcurrentDictionary<RedactionRule, Regex> Compiled = new();

    /// <summary>Linear in the text, so that a rule cannot be made to hang by what it looks at.</summary>
    public static Regex Compile(RedactionRule rule) => new(rule.Pattern, RegexOptions.NonBacktracking | RegexOptions.CultureInvariant);

    /// <summary>The body without what the rules find, and how many findings there were.</summary>
    public static (ReadOnlyMemory<byte> Body, int Findings) From(CallRequest request, IReadOnlyList<RedactionRule> rules)
    {
        var patterns = rules.Select(rule => (rule.Name, Pattern: Compiled.GetOrAdd(rule, Compile))).ToArray();
        var body = request.Body;
        var (start, end) = (request.ModelToken.Start.Value, request.ModelToken.End.Value);
        var (written, copied, findings) = (new ArrayBufferWriter<byte>(body.Length), 0, 0);
        var reader = new Utf8JsonReader(body.Span, new JsonReaderOptions { MaxDepth = CallRequest.DepthMax });
        while (reader.Read())
        {
            // Names too: an object's keys are as much the caller's text as its values.
            if (reader.TokenType is not (JsonTokenType.String or JsonTokenType.PropertyName) || (int)reader.TokenStartIndex >= start && (int)reader.TokenStartIndex < end)
            {
                continue;
            }
            var (clear, found) = (reader.GetString()!, 0);
            foreach (var (name, pattern) in patterns)
            {
                (clear, var more) = Replace(clear, name, pattern);
                found += more;
            }
            if (found == 0)
            {
                continue;
            }
            var at = (int)reader.TokenStartIndex;
            written.Write(body.Span[copied..at]);
            written.Write(JsonSerializer.SerializeToUtf8Bytes(clear, Relaxed));
            // Of a name the reader has consumed the colon too.
            copied = at + 2 + (reader.HasValueSequence ? checked((int)reader.ValueSequence.Length) : reader.ValueSpan.Length);
            findings += found;
        }
        if (findings == 0)
        {
            return (body, 0);
        }
        written.Write(body.Span[copied..]);
        return (written.WrittenMemory, findings);
    }

    /// <summary>One rule on one text.</summary>
    public static (string Text, int Findings) Apply(string text, RedactionRule rule) => Replace(text, rule.Name, Compiled.GetOrAdd(rule, Compile));

    private static (string Text, int Findings) Replace(string text, string name, Regex pattern)
    {
        var found = 0;
        var left = pattern.Replace(text, _ =>
        {
            found++;
            return $"[{name}]";
        });
        return (left, found);
    }

    private static JsonSerializerOptions Relaxed { get; } = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };
}
