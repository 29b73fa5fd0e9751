using System.Buffers.Binary;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using AgentPlatform.ModelFabric.Providers;

namespace AgentPlatform.ModelFabric.Routing;

/// <summary>What is known of a candidate at the moment of a call.</summary>
/// <param name="IsKnown">The provider has such a model.</param>
/// <param name="OpenFor">How long its provider's circuit stays open; null when it is closed.</param>
public sealed record CandidateFacts(RouteCandidate Candidate, bool IsKnown, bool IsLocal, ModelCard? Card, ModelPrice? Price, TimeSpan? OpenFor);

public enum Verdict
{
    Chosen,
    Fallback,
    Excluded,
}

/// <param name="Why">In words, for the person who asks why it was this model or not that one.</param>
/// <param name="IsHealth">It is out for the moment, not for this request.</param>
public sealed record JudgedCandidate(string Model, Verdict Verdict, string Why, bool IsHealth = false);

/// <summary>From what is asked and what is known to the order in which candidates are tried. Pure: the same in, the same out, and so explainable.</summary>
public static class ChooseCandidates
{
    /// <param name="route">Where the name leads.</param>
    /// <param name="needs">What the request asks.</param>
    /// <param name="localOnly">The caller wants nothing to leave the machine; the route may want it too.</param>
    /// <param name="facts">Of each candidate, in the route's order.</param>
    /// <param name="key">The same key leads to the same order: the run, so that its prompts stay in one cache, or the call.</param>
    public static IReadOnlyList<JudgedCandidate> Judge(Route route, RequestNeeds needs, bool localOnly, IReadOnlyList<CandidateFacts> facts, string key)
    {
        var judged = facts.Select((one, place) => (Facts: one, Tier: one.Candidate.Tier ?? place, Out: Exclusion(route, needs, localOnly || route.LocalOnly, one))).ToArray();
        var fitting = judged.Where(one => one.Out is null).OrderBy(one => one.Tier).ThenBy(one => Draw(key, route.Name, one.Facts.Candidate)).ToArray();
        var order = fitting.Select((one, rank) =>
        {
            var weights = fitting.Where(other => other.Tier == one.Tier).Sum(other => other.Facts.Candidate.Weight);
            var share = weights == one.Facts.Candidate.Weight ? $"the only one that fits in tier {one.Tier}" : $"weight {one.Facts.Candidate.Weight} of {weights} in tier {one.Tier}";
            return new JudgedCandidate(one.Facts.Candidate.Model, rank == 0 ? Verdict.Chosen : Verdict.Fallback, rank == 0 ? share : $"number {rank + 1}: {share}");
        });
        return [.. order, .. judged.Where(one => one.Out is not null).Select(one => one.Out!)];
    }

    private static JudgedCandidate? Exclusion(Route route, RequestNeeds needs, bool localOnly, CandidateFacts one)
    {
        var card = one.Card;
        // Local-only stands first: no other rule may ever be the reason that a request leaves the machine.
        var why = localOnly && !one.IsLocal ? "local only, and its provider is not on this machine"
            : !one.IsKnown ? "no provider has such a model"
            : needs.Tools && card?.Tools == false ? "the request offers tools, which it cannot call"
            : needs.Vision && card?.Vision == false ? "the request shows images, which it cannot see"
            : needs.JsonSchema && card?.JsonSchema == false ? "the request demands a JSON schema, which it cannot keep to"
            : card?.ContextTokensMax is { } window && needs.InputTokens + needs.OutputTokens > window
                ? $"the request takes {needs.InputTokens} tokens and {needs.OutputTokens} for the answer, it holds {window}"
            : Dear("question", one, one.Price?.Input, route.InputPriceMax) ?? Dear("answer", one, one.Price?.Output, route.OutputPriceMax);
        if (why is not null)
        {
            return new JudgedCandidate(one.Candidate.Model, Verdict.Excluded, why);
        }
        return one.OpenFor is { } left
            ? new JudgedCandidate(one.Candidate.Model, Verdict.Excluded, $"its provider failed too often; it is asked again in {Math.Ceiling(left.TotalSeconds):0} s", IsHealth: true)
            : null;
    }

    private static string? Dear(string what, CandidateFacts one, decimal? price, decimal? max) =>
        max is not { } ceiling ? null
        : price is { } known ? known > ceiling ? $"a million tokens of {what} cost {Text(known)}, the ceiling is {Text(ceiling)}" : null
        : one.IsLocal ? null : $"nobody said what it costs, and the ceiling is {Text(ceiling)}";

    private static string Text(decimal money) => money.ToString("0.######", CultureInfo.InvariantCulture);

    /// <summary>A race of exponential clocks with the weights as rates: each candidate wins by its share, and when one drops out the order of the others stays.</summary>
    private static double Draw(string key, string route, RouteCandidate candidate)
    {
        var hash = SHA256.HashData(Encoding.UTF8.GetBytes($"{key}\n{route}\n{candidate.Model}"));
        var uniform = (BinaryPrimitives.ReadUInt64LittleEndian(hash) >> 11) / (double)(1UL << 53);
        return -Math.Log(1 - uniform) / candidate.Weight;
    }
}
