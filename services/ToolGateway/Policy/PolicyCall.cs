using System.Text.Json;
using System.Text.RegularExpressions;
using AgentPlatform.ToolGateway.Toolkits;
using Newtonsoft.Json.Linq;

namespace AgentPlatform.ToolGateway.Policy;

/// <summary>Everything that a rule may look at.</summary>
public sealed record PolicyCall(string Tool, IReadOnlyCollection<Risk> Risk, JsonElement Arguments, string Role, string Principal, bool Tainted, DateTimeOffset At)
{
    private static readonly Regex Address = new(@"\b[A-Za-z][A-Za-z0-9+.-]*://(?:[^/\s@]*@)?(?<host>\[[0-9A-Fa-f:.]+\]|[^/\s:?#'""]+)", RegexOptions.NonBacktracking | RegexOptions.CultureInvariant);
    private static readonly string[] CommandNames = ["argv", "args", "cmd", "command", "code", "script", "stdin"];
    private static readonly string[] HostNames = ["host", "hosts", "hostname", "domain"];

    private JToken? _tree;
    private List<(string Name, string Text)>? _texts;

    /// <summary>Arguments that are what a file is to hold and name nothing.</summary>
    public IReadOnlyCollection<string> Content { get; init; } = [];

    /// <summary>Hosts that the call asks to reach with a tool that reaches none by itself.</summary>
    public IReadOnlyList<string> Reached { get; init; } = [];

    public static PolicyCall Of(ToolSpec tool, JsonElement arguments, string role, string principal, bool tainted, DateTimeOffset at)
    {
        ArgumentNullException.ThrowIfNull(tool);
        var reached = tool.HostsOf(arguments);
        return new(tool.FullName, Traits(tool, reached.Count > 0), arguments, role, principal, tainted, at) { Content = tool.ContentArguments, Reached = reached };
    }

    public static PolicyCall Of(ExampleCall call) =>
        new(call.Tool, call.Risk, call.Arguments ?? JsonSerializer.SerializeToElement(new { }), call.Role, call.Principal, call.Tainted, call.At);

    /// <summary>The values that a JSONPath finds.</summary>
    internal IEnumerable<JToken> Select(string path) => (_tree ??= JToken.Parse(Arguments.GetRawText())).SelectTokens(path);

    /// <summary>Texts in which a path may stand, whole or as part of a command line.</summary>
    internal IEnumerable<string> PathTexts() => Texts().Where(t => !Content.Contains(t.Name)).Select(t => t.Text.Replace('\\', '/'));

    /// <summary>Command lines in the arguments.</summary>
    internal IEnumerable<string> Commands() =>
        Texts().Where(t => CommandNames.Contains(t.Name, StringComparer.OrdinalIgnoreCase)).GroupBy(t => t.Name, t => t.Text).Select(words => string.Join(' ', words));

    /// <summary>Hosts of the addresses in the arguments.</summary>
    internal IEnumerable<string> Hosts() => Texts().SelectMany(t => HostNames.Contains(t.Name, StringComparer.OrdinalIgnoreCase)
        ? [WithoutPort(t.Text)]
        : Content.Contains(t.Name) ? [] : Address.Matches(t.Text).Select(m => m.Groups["host"].Value));

    // "a.example:8443" is the host a.example; an address of the sixth version has colons of its own.
    internal static string WithoutPort(string host) =>
        host.IndexOf(':', StringComparison.Ordinal) is var colon && colon > 0 && colon == host.LastIndexOf(':') ? host[..colon] : host.StartsWith('[') ? host[1..].Split(']')[0] : host;

    private static List<Risk> Traits(ToolSpec tool, bool reaches)
    {
        var traits = new List<Risk>(4);
        Add(tool.ReadOnly, Policy.Risk.ReadOnly);
        Add(tool.Idempotent, Policy.Risk.Idempotent);
        Add(tool.Destructive, Policy.Risk.Destructive);
        Add(tool.OpenWorld || reaches, Policy.Risk.OpenWorld);
        return traits;

        void Add(bool has, Risk trait)
        {
            if (has)
            {
                traits.Add(trait);
            }
        }
    }

    private List<(string Name, string Text)> Texts()
    {
        if (_texts is null)
        {
            _texts = [];
            Collect(string.Empty, Arguments);
        }

        return _texts;

        void Collect(string name, JsonElement value)
        {
            switch (value.ValueKind)
            {
                case JsonValueKind.String:
                    _texts.Add((name, value.GetString()!));
                    break;
                case JsonValueKind.Array:
                    foreach (var item in value.EnumerateArray())
                    {
                        Collect(name, item);
                    }

                    break;
                case JsonValueKind.Object:
                    foreach (var member in value.EnumerateObject())
                    {
                        Collect(member.Name, member.Value);
                    }

                    break;
            }
        }
    }
}
