using System.IO.Enumeration;
using AgentPlatform.Contracts;
using AgentPlatform.ToolGateway.Policy;

namespace AgentPlatform.ToolGateway.Grants;

/// <summary>Which calls a scope is good for, and which scope is part of another.</summary>
public static class GrantRules
{
    /// <summary>
    /// Strict where a policy rule is generous: a rule speaks when one path fits, a grant is good when no text lies outside it. A call that asks for hosts needs a grant that
    /// names them: leave to run a command is not leave to reach the network.
    /// </summary>
    public static bool IsGoodFor(this GrantScope scope, PolicyCall call, RunId? run, string? task)
    {
        ArgumentNullException.ThrowIfNull(scope);
        ArgumentNullException.ThrowIfNull(call);
        return (scope.Tainted || !call.Tainted)
            && Fits(scope.Tools, call.Tool)
            && (scope.Roles is null || Fits(scope.Roles, call.Role))
            && (scope.Principals is null || Fits(scope.Principals, call.Principal))
            && (scope.Run is null || scope.Run == run)
            && (scope.Task is null || scope.Task == task)
            && (scope.Paths is null || call.PathTexts().ToList() is { Count: > 0 } texts && texts.TrueForAll(text => PathPattern.IsWithin(scope.Paths, text)))
            && (scope.Hosts is null ? call.Reached.Count == 0 : call.Hosts().ToList() is { Count: > 0 } hosts && hosts.TrueForAll(host => Fits(scope.Hosts, host.ToLowerInvariant())));
    }

    /// <summary>Whether a scope is good for some call of this tool by this caller.</summary>
    internal static bool CouldBeGoodFor(this GrantScope scope, PolicyCall call) =>
        scope.Run is null && Fits(scope.Tools, call.Tool) && (scope.Roles is null || Fits(scope.Roles, call.Role)) && (scope.Principals is null || Fits(scope.Principals, call.Principal));

    /// <summary>What is wrong with a scope by itself; null when nothing is.</summary>
    public static string? Fault(GrantScope scope)
    {
        ArgumentNullException.ThrowIfNull(scope);
        return scope.Tools.Length == 0 || scope.Tools.Any(t => t.Length == 0) ? "'scope.tools' names no tool; '*' stands for all"
            : scope.Task is not null && scope.Run is null ? "'scope.task' needs 'scope.run': a task belongs to a run"
            : All(scope).FirstOrDefault(list => list is { Length: 0 }) is not null ? "an empty list in 'scope' is good for nothing; leave it out, or say what it is good for"
            : All(scope).OfType<string[]>().SelectMany(p => p).Any(p => p.Length > PatternCharactersMax) ? $"a pattern in 'scope' has more than {PatternCharactersMax} characters"
            : All(scope).OfType<string[]>().Sum(p => p.Length) > PatternsMax ? $"'scope' has more than {PatternsMax} patterns"
            : null;
    }

    /// <summary>Why a scope is wider than the one it is to be part of; null when it is not.</summary>
    public static string? Wider(GrantScope part, GrantScope whole)
    {
        ArgumentNullException.ThrowIfNull(part);
        ArgumentNullException.ThrowIfNull(whole);
        return !Within(part.Tools, whole.Tools) ? "tools"
            : !Within(part.Roles, whole.Roles) ? "roles"
            : !Within(part.Principals, whole.Principals) ? "principals"
            : whole.Run is not null && part.Run != whole.Run ? "run"
            : whole.Task is not null && part.Task != whole.Task ? "task"
            : !Within(part.Paths, whole.Paths) ? "paths"
            : !Within(part.Hosts, whole.Hosts) ? "hosts"
            : part.Tainted && !whole.Tainted ? "tainted"
            : null;
    }

    /// <summary>Longest pattern of a scope.</summary>
    public const int PatternCharactersMax = 1_000;

    /// <summary>Patterns of a scope.</summary>
    public const int PatternsMax = 100;

    private static string[]?[] All(GrantScope scope) => [scope.Tools, scope.Principals, scope.Roles, scope.Paths, scope.Hosts];

    private static bool Fits(string[] patterns, string name) => patterns.Any(pattern => FileSystemName.MatchesSimpleExpression(pattern, name, ignoreCase: false));

    // Each pattern of the part is one of the whole, or a plain name that one of the whole fits. More could be proved; what cannot be proved easily is not delegated.
    private static bool Within(string[]? part, string[]? whole) =>
        whole is null || (part is not null && part.All(p => whole.Contains(p) || (!p.AsSpan().ContainsAny('*', '?') && Fits(whole, p))));
}
