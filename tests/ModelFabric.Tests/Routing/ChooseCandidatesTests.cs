using AgentPlatform.ModelFabric.Providers;
using AgentPlatform.ModelFabric.Routing;

namespace AgentPlatform.ModelFabric.Tests.Routing;

/// <summary>The choice as a table: what is asked and known on one side, the whole explanation on the other.</summary>
public sealed class ChooseCandidatesTests
{
    private static readonly RequestNeeds Plain = new(Tools: false, Vision: false, JsonSchema: false, InputTokens: 1000, OutputTokens: 200);
    private static readonly ModelPrice Cheap = new() { Input = 1m, Output = 4m };
    private static readonly ModelPrice Dear = new() { Input = 5m, Output = 25m };

    public static TheoryData<string, ModelFabric.Routing.Route, RequestNeeds, bool, CandidateFacts[], string[]> Cases() => new()
    {
        {
            "in order", Route("far/big", "near/small"), Plain, false, [Far(), Near()],
            ["Chosen far/big: the only one that fits in tier 0", "Fallback near/small: number 2: the only one that fits in tier 1"]
        },
        {
            "outage", Route("far/big", "near/small"), Plain, false, [Far() with { OpenFor = TimeSpan.FromSeconds(11.2) }, Near()],
            ["Chosen near/small: the only one that fits in tier 1", "Excluded far/big: its provider failed too often; it is asked again in 12 s"]
        },
        {
            "context overflow", Route("near/small", "far/big"), Plain with { InputTokens = 8000, OutputTokens = 500 }, false, [Near() with { Card = Card(8192) }, Far() with { Card = Card(128000) }],
            ["Chosen far/big: the only one that fits in tier 1", "Excluded near/small: the request takes 8000 tokens and 500 for the answer, it holds 8192"]
        },
        {
            "price ceiling", Route("far/big", "far/other", "near/small") with { InputPriceMax = 3m, OutputPriceMax = 10m }, Plain, false,
            [Far() with { Price = Dear }, Far("far/other") with { Price = Cheap }, Near()],
            ["Chosen far/other: the only one that fits in tier 1", "Fallback near/small: number 2: the only one that fits in tier 2", "Excluded far/big: a million tokens of question cost 5, the ceiling is 3"]
        },
        {
            "a price nobody said", Route("far/big", "near/small") with { OutputPriceMax = 10m }, Plain, false, [Far(), Near()],
            ["Chosen near/small: the only one that fits in tier 1", "Excluded far/big: nobody said what it costs, and the ceiling is 10"]
        },
        {
            "local only by the route", Route("far/big", "near/small") with { LocalOnly = true }, Plain, false, [Far(), Near()],
            ["Chosen near/small: the only one that fits in tier 1", "Excluded far/big: local only, and its provider is not on this machine"]
        },
        {
            "local only by the caller, and the local one is down", Route("near/small", "far/big"), Plain, true, [Near() with { OpenFor = TimeSpan.FromSeconds(3) }, Far()],
            ["Excluded near/small: its provider failed too often; it is asked again in 3 s", "Excluded far/big: local only, and its provider is not on this machine"]
        },
        {
            "capabilities", Route("a/no-tools", "a/blind", "a/free", "a/gone", "far/big"), Plain with { Tools = true, Vision = true, JsonSchema = true }, false,
            [
                Near("a/no-tools") with { Card = Card(null) with { Tools = false } }, Near("a/blind") with { Card = Card(null) with { Vision = false } },
                Near("a/free") with { Card = Card(null) with { JsonSchema = false } }, Near("a/gone") with { IsKnown = false }, Far() with { Card = Card(null) with { Tools = true } },
            ],
            [
                "Chosen far/big: the only one that fits in tier 4", "Excluded a/no-tools: the request offers tools, which it cannot call", "Excluded a/blind: the request shows images, which it cannot see",
                "Excluded a/free: the request demands a JSON schema, which it cannot keep to", "Excluded a/gone: no provider has such a model",
            ]
        },
    };

    [Theory]
    [MemberData(nameof(Cases))]
    public void The_choice_is_explained_candidate_by_candidate(string name, ModelFabric.Routing.Route route, RequestNeeds needs, bool localOnly, CandidateFacts[] facts, string[] explained)
    {
        Assert.NotEmpty(name);
        Assert.Equal(explained, ChooseCandidates.Judge(route, needs, localOnly, facts, "run-1").Select(one => $"{one.Verdict} {one.Model}: {one.Why}"));
    }

    [Fact]
    public void Weights_share_the_runs_of_a_tier_and_a_run_stays_where_it_is_when_another_candidate_drops_out()
    {
        var route = new ModelFabric.Routing.Route("auto", [new("near/a", 3, 0), new("near/b", 1, 0), new("near/c", 4, 0)]);
        CandidateFacts[] facts = [.. route.Candidates.Select(one => new CandidateFacts(one, true, true, null, null, null))];
        string First(int run, params CandidateFacts[] of) => ChooseCandidates.Judge(route, Plain, false, of, $"run-{run}")[0].Model;
        var first = Enumerable.Range(0, 4000).Select(run => First(run, facts)).ToArray();

        Assert.InRange(first.Count(model => model == "near/a"), 1350, 1650);
        Assert.InRange(first.Count(model => model == "near/b"), 400, 600);
        var without = Enumerable.Range(0, 4000).Select(run => First(run, facts[0], facts[1], facts[2] with { OpenFor = TimeSpan.FromSeconds(1) })).ToArray();
        Assert.All(first.Zip(without).Where(pair => pair.First != "near/c"), pair => Assert.Equal(pair.First, pair.Second));
    }

    private static ModelFabric.Routing.Route Route(params string[] models) => new("auto", [.. models.Select(model => new RouteCandidate(model))]);

    private static CandidateFacts Far(string model = "far/big") => new(new RouteCandidate(model), IsKnown: true, IsLocal: false, null, null, null);

    private static CandidateFacts Near(string model = "near/small") => new(new RouteCandidate(model), IsKnown: true, IsLocal: true, null, null, null);

    private static ModelCard Card(long? context) => new() { Model = "any", ContextTokensMax = context };
}
