using AgentPlatform.Contracts;
using AgentPlatform.ServiceDefaults;
using AgentPlatform.Testing;
using AgentPlatform.ToolGateway.Invocations;
using AgentPlatform.ToolGateway.Tests.Invocations;

namespace AgentPlatform.ToolGateway.Tests.Grants;

/// <summary>Leave that was given: what it opens, how it ends, and that it is never used more often than it is good for.</summary>
public sealed class GrantTests(Servers servers) : IClassFixture<Servers>
{
    private static readonly GrantScope Probe = new(["probe.run"]);

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_grant_opens_what_no_rule_allows_until_it_is_taken_back()
    {
        await using var gateway = await Closed();
        Assert.Equal("default", (await Outcome(gateway)).Verdict?.Rule);
        var grant = await gateway.Grants.Give(GrantId.New(), new GiveGrantRequest(Probe, "for the test"), "ann", Ct);

        var granted = await Outcome(gateway);
        await gateway.Grants.Revoke(grant.Id, "bob", Ct);
        var after = await Outcome(gateway);

        Assert.Equal((ToolOutcomeStatus.Completed, $"grant {grant.Id}", "for the test"), (granted.Outcome.Status, granted.Verdict?.Rule, granted.Verdict?.Reason));
        Assert.Equal(ToolOutcomeStatus.Denied, after.Outcome.Status);
        var view = (await gateway.Grants.Get(grant.Id, Ct)).View(Story.Noon);
        Assert.Equal((GrantState.Revoked, 1, "bob"), (view.State, view.Uses, view.RevokedBy));
    }

    [Fact]
    public async Task What_a_rule_denies_no_grant_opens()
    {
        await using var gateway = await Closed("rules: [{ name: never, tools: [probe.*], verdict: deny, because: never }]");
        await gateway.Grants.Give(GrantId.New(), new GiveGrantRequest(Probe, "hope"), "ann", Ct);

        Assert.Equal("never", (await Outcome(gateway)).Verdict?.Rule);
    }

    [Fact]
    public async Task A_grant_for_three_calls_lets_three_of_many_at_once_through()
    {
        await using var gateway = await Closed();
        var grant = await gateway.Grants.Give(GrantId.New(), new GiveGrantRequest(Probe, "three", UsesMax: 3), "ann", Ct);

        var ended = await Task.WhenAll(Enumerable.Range(0, 12).Select(_ => Outcome(gateway)));

        Assert.Equal(3, ended.Count(e => e.Outcome.Status == ToolOutcomeStatus.Completed));
        Assert.Equal(9, ended.Count(e => e.Outcome.Status == ToolOutcomeStatus.Denied));
        Assert.Equal(GrantState.UsedUp, (await gateway.Grants.Get(grant.Id, Ct)).State(Story.Noon));
    }

    [Fact]
    public async Task A_part_counts_for_the_whole_and_falls_with_it()
    {
        await using var gateway = await Closed();
        var whole = await gateway.Grants.Give(GrantId.New(), new GiveGrantRequest(new GrantScope(["probe.*"]), "whole", UsesMax: 5), "ann", Ct);
        var part = await gateway.Grants.Give(GrantId.New(), new GiveGrantRequest(Probe with { Roles = ["developer"] }, "part", UsesMax: 5, Parent: whole.Id), "ann", Ct);
        await gateway.Grants.Give(GrantId.New(), new GiveGrantRequest(Probe with { Roles = ["nobody"] }, "of no use here"), "ann", Ct);

        Assert.Equal(ToolOutcomeStatus.Completed, (await Outcome(gateway)).Outcome.Status);
        Assert.Equal(1, (await gateway.Grants.Get(whole.Id, Ct)).Uses);
        await gateway.Grants.Revoke(whole.Id, "ann", Ct);

        Assert.Equal(ToolOutcomeStatus.Denied, (await Outcome(gateway)).Outcome.Status);
        Assert.True((await gateway.Grants.Get(part.Id, Ct)).Uses <= 1);
    }

    public static TheoryData<GiveGrantRequest, string> Refusals => new()
    {
        { new GiveGrantRequest(new GrantScope([]), "x"), "names no tool" },
        { new GiveGrantRequest(Probe, " "), "'because' is empty" },
        { new GiveGrantRequest(Probe, "x", ExpiresAt: Story.Noon), "'expiresAt' has passed" },
        { new GiveGrantRequest(Probe, "x", UsesMax: 0), "'usesMax' is less than 1" },
        { new GiveGrantRequest(Probe with { Task = "a" }, "x"), "'scope.task' needs 'scope.run'" },
        { new GiveGrantRequest(Probe with { Paths = [] }, "x"), "an empty list" },
    };

    [Theory]
    [MemberData(nameof(Refusals))]
    public async Task A_grant_that_means_nothing_is_refused_with_the_reason(GiveGrantRequest request, string why)
    {
        await using var gateway = await Closed();

        Assert.Contains(why, (await Assert.ThrowsAsync<ProblemException>(() => gateway.Grants.Give(GrantId.New(), request, "ann", Ct))).Message, StringComparison.Ordinal);
        Assert.Empty((await gateway.Grants.List(state: null, after: null, 10, Ct)).Items);
    }

    [Fact]
    public async Task A_part_that_is_wider_lasts_longer_or_counts_for_more_than_the_whole_is_refused()
    {
        await using var gateway = await Closed();
        var end = TimeProvider.System.GetUtcNow().AddHours(1);
        var whole = await gateway.Grants.Give(GrantId.New(), new GiveGrantRequest(Probe, "whole", end, 2), "ann", Ct);

        await Refused(new GiveGrantRequest(new GrantScope(["*"]), "x", end, 1, whole.Id), "wider in 'tools'");
        await Refused(new GiveGrantRequest(Probe, "x", end.AddSeconds(1), 1, whole.Id), "last longer");
        await Refused(new GiveGrantRequest(Probe, "x", end, 3, whole.Id), "more calls than the 2 that are left");
        await Refused(new GiveGrantRequest(Probe, "x", end, 1, GrantId.New()), "There is no grant");

        async Task Refused(GiveGrantRequest request, string why) =>
            Assert.Contains(why, (await Assert.ThrowsAsync<ProblemException>(() => gateway.Grants.Give(GrantId.New(), request, "ann", Ct))).Message, StringComparison.Ordinal);
    }

    private async Task<GatewayHost> Closed(string policy = "rules: []")
    {
        var gateway = await GatewayHost.Start(servers, new ProbeTool());
        await gateway.Policy.Set(policy, "test", expected: null, Ct);
        return gateway;
    }

    private static async Task<Invocation.Ended> Outcome(GatewayHost gateway)
    {
        var call = Story.Call with { Invocation = InvocationId.New() };
        await gateway.Send(call);
        return await gateway.Ended(call.Invocation);
    }
}
