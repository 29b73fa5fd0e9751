using System.Runtime.CompilerServices;
using AgentPlatform.EventStore;
using AgentPlatform.ModelFabric.Budgets;
using AgentPlatform.ModelFabric.Calls;
using AgentPlatform.ModelFabric.Policies;
using AgentPlatform.ModelFabric.Providers;
using AgentPlatform.ModelFabric.Routing;
using AgentPlatform.Testing.Streams;

namespace AgentPlatform.ModelFabric.Tests.Streams;

/// <summary>Providers and calls of the past, read by today's code. How to record: <see cref="RecordedStreams"/>.</summary>
public sealed class RecordedStreamsTests
{
    private static readonly RecordedStreams Recorded = new(EventTypes.Of(typeof(ProviderEvent), typeof(ModelCallEvent), typeof(BudgetEvent), typeof(RouteEvent), typeof(PolicyEvent)), Folder());

    private static readonly ModelCallRecord Answered = new()
    {
        Id = Guid.Parse("0199e0a4-0000-7000-8000-000000000006"), Model = "small", Provider = "local", Origin = new CallOrigin("ann", "run-1", "write", "key-1"), Streaming = true,
        StartedAt = new DateTimeOffset(2026, 11, 15, 12, 0, 0, TimeSpan.Zero), FirstTokenMilliseconds = 1.5, TotalMilliseconds = 20, Status = 200, ResponseModel = "small-1",
        FinishReason = "stop", Usage = new TokenUsage(7, 3, Estimated: true), RequestSha256 = "ab12", ResponseSha256 = "cd34",
    };

    private static readonly ModelCallRecord Failed = new()
    {
        Id = Guid.Parse("0199e0a4-0000-7000-8000-000000000007"), Model = "small", Provider = "local", Origin = new CallOrigin("ann", null, null, null), Streaming = false,
        StartedAt = new DateTimeOffset(2026, 11, 15, 12, 0, 0, TimeSpan.Zero), TotalMilliseconds = 20, Status = 502, RequestSha256 = "ab12", ErrorClass = "upstream_timeout",
    };

    private static readonly ModelCallRecord Priced = Answered with { Usage = new TokenUsage(7, 3, Estimated: false, CacheRead: 4, CacheWrite: 2), Cost = 0.0021m };

    private static readonly ModelCallRecord Routed = Failed with
    {
        Id = Guid.Parse("0199e0a4-0000-7000-8000-000000000008"), Model = "auto", UpstreamModel = "small", Before = [new CallAttempt("far", "large", "upstream_timeout", 12.5)],
    };

    private static readonly ModelCallRecord Guarded = Answered with
    {
        Id = Guid.Parse("0199e0a4-0000-7000-8000-000000000009"), Usage = new TokenUsage(7, 5, Estimated: false, CacheRead: 4, Reasoning: 3), Host = "api.example.com", Redactions = 2, TextsKept = true,
        CachedFrom = Guid.Parse("0199e0a4-0000-7000-8000-000000000006"), Trace = "0af7651916cd43dd8448eb211c80319c",
    };

    private static readonly PolicyEvent Fenced = PolicyEvent.PolicySet.From(
        new CallPolicy("fence", "ann", "far/*", ["*.example.com"], [new RedactionRule("address", "a@b")], AlsoOnThisMachine: true, KeepTexts: true, CacheSeconds: 60), "ann");

    private static readonly RouteEvent Led = RouteEvent.RouteSet.From(
        new ModelFabric.Routing.Route("auto", [new RouteCandidate("local/small", 3, 0), new RouteCandidate("far/large")], LocalOnly: true, 1.5m, 10m, 2.5), "ann");

    private static readonly ModelCard Card = new()
    {
        Model = "small", ContextTokensMax = 8192, Tools = true, Vision = false, JsonSchema = true,
        Prices = [new ModelPrice { From = new DateOnly(2026, 1, 1), Input = 1.25m, Output = 10m, CachedInput = 0.125m, CacheWrite = 1.5m }],
    };

    private static readonly BudgetEvent Budgeted = BudgetEvent.BudgetSet.From(new Budget("team", BudgetScope.Principal, BudgetWindow.Day, 100_000, 2.5m, "ann"), "ann");

    private static readonly ProviderEvent.ProviderSet Set = new("local", "openai", "http://127.0.0.1:1/v1", ["small", "large"], AllowRemote: true, "ab12", "ann");

    public static TheoryData<string, object[]> Streams => new()
    {
        { "provider-2026-11-present", [Set, new ProviderEvent.ProviderRemoved("local", "ann"), Set with { Models = [], KeyFingerprint = null }] },
        { "provider-2026-11-removed", [Set, new ProviderEvent.ProviderRemoved("local", "ann")] },
        { "provider-2026-11-with-cards", [Set with { Preset = "ollama", Cards = [Card], ConcurrentCallsMax = 4 }] },
        { "provider-2026-11-with-principal-keys", [Set, new ProviderEvent.PrincipalKeySet("local", "bob", "cd34", "ann"), new ProviderEvent.PrincipalKeySet("local", "eve", "ef56", "ann"), new ProviderEvent.PrincipalKeyRemoved("local", "bob", "ann"), Set with { Models = [] }] },
        { "provider-2026-11-paced", [Set with { CallsPerMinuteMax = 60 }] },
        { "call-policy-2026-11-present", [Fenced] },
        { "call-policy-2026-11-with-media", [(PolicyEvent.PolicySet)Fenced with { Media = nameof(MediaRule.LocalOnly) }] },
        { "call-policy-2026-11-removed", [Fenced, new PolicyEvent.PolicyRemoved("fence", "ann")] },
        { "model-call-2026-11-guarded", [ModelCallEvent.ModelCalled.Of(Guarded)] },
        { "budget-2026-11-present", [Budgeted] },
        { "budget-2026-11-removed", [Budgeted, new BudgetEvent.BudgetRemoved("team", "ann")] },
        { "route-2026-11-present", [Led] },
        { "route-2026-11-hedged", [(RouteEvent.RouteSet)Led with { HedgeAfterSeconds = 0.5 }] },
        { "route-2026-11-removed", [Led, new RouteEvent.RouteRemoved("auto", "ann")] },
        { "model-call-2026-11-routed", [ModelCallEvent.ModelCalled.Of(Routed)] },
        { "model-call-2026-11-priced", [ModelCallEvent.ModelCalled.Of(Priced)] },
        { "model-call-2026-11-answered", [ModelCallEvent.ModelCalled.Of(Answered)] },
        { "model-call-2026-11-failed", [ModelCallEvent.ModelCalled.Of(Failed)] },
    };

    [Theory]
    [MemberData(nameof(Streams))]
    public void A_stream_of_today_is_recorded(string name, object[] events) => Assert.True(Recorded.Record(name, events), $"Record {name} once with RECORD_STREAMS=1");

    [Fact]
    public void Providers_of_the_past_fold_to_the_states_they_had() => Assert.Empty(Recorded.Changes(ProviderState.Stream));

    [Fact]
    public void Budgets_of_the_past_fold_to_the_states_they_had() => Assert.Empty(Recorded.Changes(BudgetStreams.Stream));

    [Fact]
    public void Routes_of_the_past_fold_to_the_states_they_had() => Assert.Empty(Recorded.Changes(RouteStreams.Stream));

    [Fact]
    public void Policies_of_the_past_fold_to_the_states_they_had() => Assert.Empty(Recorded.Changes(PolicyStreams.Stream));

    [Fact]
    public void Calls_of_the_past_are_the_records_they_were() =>
        Assert.Equivalent(new[] { Answered, Failed, Guarded, Priced, Routed }, Recorded.Files("model-call-2026-11").Select(file => ((ModelCallEvent.ModelCalled)Assert.Single(Recorded.Read(file))).ToRecord()), strict: true);

    [Fact]
    public void Every_kind_of_event_stands_in_a_recorded_stream_and_is_read_without_loss() => Assert.Empty(Recorded.Missing().Concat(Recorded.Losses()));

    private static string Folder([CallerFilePath] string here = "") => Path.GetDirectoryName(here)!;
}
