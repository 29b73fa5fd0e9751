using System.Collections.Immutable;
using System.Text.Json;
using AgentPlatform.Contracts;
using AgentPlatform.EventStore;
using AgentPlatform.Orchestrator.Runs;

namespace AgentPlatform.Orchestrator.Attempts;

/// <summary>One attempt of one task by one worker.</summary>
public abstract record Attempt
{
    private Attempt()
    {
    }

    /// <summary>The kind of stream; ids come from <see cref="IdOf"/>.</summary>
    public static StreamKind<Attempt, AttemptEvent> Kind { get; } = new("attempt", new NotStarted(), Evolve);

    /// <summary>The id of an attempt: run, task and number.</summary>
    public static string IdOf(RunId run, string task, int attempt) => $"{run}.{task}.{attempt}";

    /// <summary>Not there yet.</summary>
    public sealed record NotStarted : Attempt;

    /// <summary>Cancelled before it began; a start that comes later is ignored.</summary>
    public sealed record CalledOff : Attempt;

    /// <summary>At work.</summary>
    /// <param name="About">What it is about.</param>
    /// <param name="Steps">The model's answers so far, each with the tool calls that followed.</param>
    /// <param name="AskedStep">The step the model was asked for; 0 for a tool task.</param>
    /// <param name="Open">Tool calls that have not settled.</param>
    /// <param name="Artifacts">Files written so far; the latest of each path.</param>
    /// <param name="Checks">The call that verifies, once it is on its way.</param>
    /// <param name="ToolCalls">Tool calls so far.</param>
    /// <param name="Tokens">Model tokens so far.</param>
    public sealed record Working(
        AttemptEvent.AttemptStarted About,
        ImmutableList<AgentStep> Steps,
        int AskedStep,
        ImmutableHashSet<InvocationId> Open,
        ImmutableSortedDictionary<string, Artifact> Artifacts,
        InvocationId? Checks,
        int ToolCalls,
        long Tokens) : Attempt;

    /// <summary>At its end.</summary>
    public sealed record Ended(AttemptEvent.AttemptStarted About, AttemptResult Result) : Attempt;

    public static Attempt Evolve(Attempt attempt, AttemptEvent fact) => (attempt, fact) switch
    {
        (NotStarted, AttemptEvent.AttemptStarted f) => new Working(f, [], 0, [], ImmutableSortedDictionary<string, Artifact>.Empty.WithComparers(StringComparer.Ordinal), null, 0, 0),
        (NotStarted, AttemptEvent.AttemptCalledOff) => new CalledOff(),
        (Working w, AttemptEvent.ModelAsked f) => w with { AskedStep = f.Step },
        (Working w, AttemptEvent.ModelAnswered f) => w with { Steps = w.Steps.Add(new AgentStep(f.Step, f.Text, [.. f.Calls], [])), Tokens = w.Tokens + f.InputTokens + f.OutputTokens },
        (Working w, AttemptEvent.ToolWanted f) => w with { Open = w.Open.Add(f.Invocation), Steps = w.WithWanted(f), ToolCalls = w.ToolCalls + 1 },
        (Working w, AttemptEvent.ToolSettled f) => w with { Open = w.Open.Remove(f.Invocation), Steps = w.WithSettled(f), Artifacts = w.Artifacts.SetItems(ByPath(f.Outcome.Artifacts)) },
        (Working w, AttemptEvent.ChecksWanted f) => w with { Checks = f.Invocation },
        (Working w, AttemptEvent.AttemptEnded f) => new Ended(w.About, f.Result),
        _ => attempt,
    };

    private static IEnumerable<KeyValuePair<string, Artifact>> ByPath(Artifact[] artifacts) =>
        artifacts.GroupBy(a => a.Path, StringComparer.Ordinal).Select(g => KeyValuePair.Create(g.Key, g.Last()));
}

/// <summary>One step of an agent: what the model said and what came of the tool calls it asked for.</summary>
/// <param name="Step">From 1.</param>
/// <param name="Text">What the model said.</param>
/// <param name="Calls">The calls it asked for.</param>
/// <param name="Results">Their results, in the order of the calls.</param>
public sealed record AgentStep(int Step, string? Text, ImmutableArray<ModelToolCall> Calls, ImmutableList<AgentToolResult> Results);

/// <summary>A tool call of an agent.</summary>
/// <param name="Invocation">The call at ToolGateway.</param>
/// <param name="CallId">The model's id of it.</param>
/// <param name="Outcome">How it ended; null while it runs.</param>
public sealed record AgentToolResult(InvocationId Invocation, string CallId, ToolOutcome? Outcome);

internal static class AttemptChanges
{
    public static ImmutableList<AgentStep> WithWanted(this Attempt.Working w, AttemptEvent.ToolWanted fact) =>
        fact.CallId is null || w.Steps.Count == 0 ? w.Steps : w.Steps.SetItem(w.Steps.Count - 1, w.Steps[^1] with { Results = w.Steps[^1].Results.Add(new AgentToolResult(fact.Invocation, fact.CallId, null)) });

    public static ImmutableList<AgentStep> WithSettled(this Attempt.Working w, AttemptEvent.ToolSettled fact)
    {
        if (w.Steps.Count == 0 || w.Steps[^1].Results.FindIndex(r => r.Invocation == fact.Invocation) is not (>= 0 and var at))
        {
            return w.Steps;
        }

        var results = w.Steps[^1].Results;
        return w.Steps.SetItem(w.Steps.Count - 1, w.Steps[^1] with { Results = results.SetItem(at, results[at] with { Outcome = fact.Outcome }) });
    }
}
