using System.Globalization;
using System.IO.Enumeration;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Newtonsoft.Json;
using Newtonsoft.Json.Linq;

namespace AgentPlatform.ToolGateway.Policy;

/// <summary>A rule ready to be asked.</summary>
internal sealed class CompiledRule
{
    // Without backtracking: linear in the text, whatever the pattern and whoever wrote the text.
    private const RegexOptions Linear = RegexOptions.NonBacktracking | RegexOptions.CultureInvariant;

    private readonly Regex? _paths;
    private readonly Regex? _command;
    private readonly (ArgumentTest Test, Regex? Matches)[] _arguments;
    private readonly (TimeOnly From, TimeOnly To, TimeZoneInfo Zone)? _hours;

    /// <exception cref="InvalidPolicyException">The rule cannot be used; the message says why.</exception>
    public CompiledRule(PolicyRule rule)
    {
        Rule = rule;
        Check();
        _paths = rule.Paths is { } paths ? Compile(PathPattern.Anywhere(paths), "paths") : null;
        _command = rule.Command is { } command ? Compile(command, "command") : null;
        _arguments = [.. (rule.Arguments ?? []).Select(test => (test, test.Matches is { } pattern ? Compile(pattern, "matches") : null))];
        _hours = rule.Hours is { } hours ? (Time(hours.From), Time(hours.To), Zone(hours.Zone)) : null;
        CheckPaths();
        CheckExamples();
    }

    public PolicyRule Rule { get; }

    /// <summary>Whether the rule is about some call of this tool by this caller, whatever the rest of its conditions.</summary>
    public bool IsAbout(PolicyCall call) =>
        AnyFits(Rule.Tools, call.Tool) && (Rule.Roles is not { } roles || AnyFits(roles, call.Role)) && (Rule.Principals is not { } principals || AnyFits(principals, call.Principal))
        && (Rule.Risk is not { } risk || risk.Any(call.Risk.Contains));

    /// <summary>The condition that does not hold; null when the rule is about the call.</summary>
    public string? WhyNot(PolicyCall call) =>
        !AnyFits(Rule.Tools, call.Tool) ? "tools"
        : Rule.Roles is { } roles && !AnyFits(roles, call.Role) ? "roles"
        : Rule.Principals is { } principals && !AnyFits(principals, call.Principal) ? "principals"
        : Rule.Tainted is { } tainted && tainted != call.Tainted ? "tainted"
        : Rule.Risk is { } risk && !risk.Any(call.Risk.Contains) ? "risk"
        : _hours is not null && !Within(call.At) ? "hours"
        : _arguments.FirstOrDefault(a => !Holds(a, call)) is { Test: { } test } ? $"arguments at {test.At}"
        : _command is not null && !call.Commands().Any(_command.IsMatch) ? "command"
        : _paths is not null && !call.PathTexts().Any(_paths.IsMatch) ? "paths"
        : Rule.Hosts is { } hosts && !call.Hosts().Any(host => AnyFits(hosts, host.ToLowerInvariant())) ? "hosts"
        : null;

    private static bool AnyFits(string[] patterns, string name) => patterns.Any(pattern => FileSystemName.MatchesSimpleExpression(pattern, name, ignoreCase: false));

    private static bool Holds((ArgumentTest Test, Regex? Matches) argument, PolicyCall call) => call.Select(argument.Test.At).Any(found =>
        argument.Matches is { } pattern
            ? pattern.IsMatch(found is JValue { Value: string text } ? text : found.ToString(Formatting.None))
            : argument.Test.Equal!.Any(wanted => JsonNode.DeepEquals(JsonNode.Parse(wanted.GetRawText()), JsonNode.Parse(found.ToString(Formatting.None)))));

    private bool Within(DateTimeOffset at)
    {
        var (from, to, zone) = _hours!.Value;
        var local = TimeZoneInfo.ConvertTime(at, zone);
        return TimeOnly.FromDateTime(local.DateTime).IsBetween(from, to) && (Rule.Hours!.Days is not { } days || days.Contains(local.DayOfWeek));
    }

    private TimeOnly Time(string text) =>
        TimeOnly.TryParseExact(text, "HH:mm", CultureInfo.InvariantCulture, DateTimeStyles.None, out var time) ? time : throw Wrong($"has '{text}' under 'hours', which is no HH:mm");

    private TimeZoneInfo Zone(string name) =>
        TimeZoneInfo.TryFindSystemTimeZoneById(name, out var zone) ? zone : throw Wrong($"knows no time zone '{name}'; use an IANA name such as Europe/Berlin");

    private Regex Compile(string pattern, string where)
    {
        try
        {
            return new Regex(pattern, Linear);
        }
        catch (Exception e) when (e is ArgumentException or NotSupportedException)
        {
            throw Wrong($"has a pattern under '{where}' that cannot be used: {e.Message}");
        }
    }

    private void Check()
    {
        if (Rule.Because.Trim().Length == 0)
        {
            throw Wrong("gives no reason ('because')");
        }

        if (Rule.Tools.Length == 0 || Rule.Tools.Any(t => t.Length == 0))
        {
            throw Wrong("names no tool ('tools'); '*' stands for all");
        }

        if (Rule.Asking is { } asking)
        {
            CheckAsking(asking);
        }

        if ((Rule.Arguments ?? []).FirstOrDefault(a => (a.Matches is null) == (a.Equal is null)) is { } test)
        {
            throw Wrong($"tests {test.At} with neither or both of 'matches' and 'equals'; give one");
        }
    }

    private void CheckAsking(AskTerms asking)
    {
        const int approvalsMax = 10;
        if (Rule.Verdict != Contracts.Verdict.Ask)
        {
            throw Wrong("says how to ask ('asking') without asking; its verdict must be ask");
        }

        if (asking.Approvals is < 1 or > approvalsMax || asking.ExpiresSeconds < 1 || asking.EscalatesSeconds < 1)
        {
            throw Wrong($"has a number under 'asking' that means nothing: approvals are 1 to {approvalsMax}, seconds at least 1");
        }

        if (asking.EscalatesSeconds >= asking.ExpiresSeconds)
        {
            throw Wrong($"goes to the owner after {asking.EscalatesSeconds} s ('escalates_seconds') and ends after {asking.ExpiresSeconds} s ('expires_seconds'); it must go before it ends");
        }
    }

    private void CheckPaths()
    {
        foreach (var (test, _) in _arguments)
        {
            try
            {
                _ = new JObject().SelectTokens(test.At).Count();
            }
            catch (JsonException e)
            {
                throw Wrong($"has '{test.At}', which is no JSONPath: {e.Message}");
            }
        }
    }

    private void CheckExamples()
    {
        var examples = Rule.Examples ?? new RuleExamples();
        if (examples.Fits.FirstOrDefault(e => WhyNot(PolicyCall.Of(e)) is not null) is { } missed)
        {
            throw Wrong($"is not about its own example {Text(missed)}: {WhyNot(PolicyCall.Of(missed))}");
        }

        if (examples.DoesNotFit.FirstOrDefault(e => WhyNot(PolicyCall.Of(e)) is null) is { } caught)
        {
            throw Wrong($"is about {Text(caught)}, which it says it does not fit");
        }

        static string Text(ExampleCall call) => $"{call.Tool} {call.Arguments?.GetRawText()}".TrimEnd();
    }

    private InvalidPolicyException Wrong(string what) => new([$"rule '{Rule.Name}' {what}"]);
}
