using AgentPlatform.Contracts;
using AgentPlatform.EventStore;
using AgentPlatform.Testing;
using AgentPlatform.ToolGateway.Invocations;
using AgentPlatform.ToolGateway.Policy;

namespace AgentPlatform.ToolGateway.Tests.Invocations;

/// <summary>The policy as it lives in the store, and what it does to calls.</summary>
public sealed class PolicyInForceTests(Servers servers) : IClassFixture<Servers>
{
    private const string AskAll = "rules: [{ name: ask-all, tools: ['*'], verdict: ask, because: everything is asked }]";

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_new_version_holds_for_the_next_call_and_the_call_remembers_which_version_it_was()
    {
        await using var gateway = await GatewayHost.Start(servers, new ProbeTool());
        var first = await Called(gateway);
        var version = await gateway.Policy.Set(AskAll, "ann", expected: 1, Ct);

        var second = await Called(gateway);

        Assert.Equal((2, "ann"), (version.Number, version.Policy.By));
        Assert.IsType<Invocation.Ended>(first);
        Assert.Equal("ask-all", Assert.IsType<Invocation.Waiting>(second).Verdict?.Rule);
    }

    [Fact]
    public async Task The_same_text_again_is_no_new_version_and_a_wrong_expectation_or_a_wrong_text_changes_nothing()
    {
        await using var gateway = await GatewayHost.Start(servers, new ProbeTool());
        await gateway.Policy.Set(AskAll, "ann", expected: null, Ct);

        Assert.Equal(2, (await gateway.Policy.Set(AskAll, "bob", expected: null, Ct)).Number);
        await Assert.ThrowsAsync<StreamConflictException>(() => gateway.Policy.Set("rules: []", "bob", expected: 1, Ct));
        await Assert.ThrowsAsync<InvalidPolicyException>(() => gateway.Policy.Set("rules: 7", "bob", expected: 2, Ct));
        Assert.Equal((2, AskAll, "ann"), (await gateway.Policy.Current(Ct)) is var now ? (now.Number, now.Policy.Text, now.Policy.By) : default);
    }

    [Fact]
    public async Task A_simulation_tells_which_calls_of_the_past_would_have_been_decided_otherwise()
    {
        await using var gateway = await GatewayHost.Start(servers, new ProbeTool());
        var loud = await Call(gateway, """{"text":"loud"}""");
        await Call(gateway, """{"text":"quiet"}""");

        var simulation = await gateway.Simulate.Run(
            new PolicyEngine(ReadPolicy.From("rules: [{ name: all, tools: ['*'], verdict: allow, because: b }, { name: no-loud, tools: ['*'], arguments: [{ at: $.text, matches: loud }], verdict: deny, because: hush }]").Rules), after: 0, Ct);

        var difference = Assert.Single(simulation.Differences);
        Assert.Equal((loud, Verdict.Allow, Verdict.Deny, "no-loud"), (difference.Invocation, difference.Was.Verdict, difference.Would.Verdict, difference.Would.Rule));
        Assert.Equal((2, 0, null), (simulation.Compared, simulation.Unknown, simulation.Next));
    }

    [Fact]
    public async Task Once_a_tool_that_reaches_outside_has_run_the_next_risky_call_in_that_workspace_is_asked_about()
    {
        await using var gateway = await GatewayHost.Start(servers, new ProbeTool("fetch", openWorld: true));
        var workspace = WorkspaceId.New();
        var elsewhere = await Ended(gateway, "probe.fetch", WorkspaceId.New());

        var first = await Ended(gateway, "probe.fetch", workspace);
        var second = Story.Call with { Invocation = InvocationId.New(), Run = RunId.New(), Tool = "probe.fetch", Workspace = workspace };
        await gateway.Send(second);
        var state = await Eventually.Get(async () => (await gateway.Read(second.Invocation)).State, s => s is Invocation.Waiting { Asked: not null }, "the question");

        Assert.Equal((ToolOutcomeStatus.Completed, ToolOutcomeStatus.Completed), (elsewhere.Outcome.Status, first.Outcome.Status));
        Assert.Equal("tainted-high-risk", ((Invocation.Waiting)state).Verdict?.Rule);
    }

    private static async Task<Invocation.Ended> Ended(GatewayHost gateway, string tool, WorkspaceId workspace)
    {
        var call = Story.Call with { Invocation = InvocationId.New(), Run = RunId.New(), Tool = tool, Workspace = workspace };
        await gateway.Send(call);
        return await gateway.Ended(call.Invocation);
    }

    private static async Task<InvocationId> Call(GatewayHost gateway, string arguments)
    {
        var call = Story.Call with { Invocation = InvocationId.New(), Arguments = Story.Json(arguments) };
        await gateway.Send(call);
        await gateway.Ended(call.Invocation);
        return call.Invocation;
    }

    private static async Task<Invocation> Called(GatewayHost gateway)
    {
        var call = Story.Call with { Invocation = InvocationId.New() };
        await gateway.Send(call);
        return await Eventually.Get(async () => (await gateway.Read(call.Invocation)).State, s => s is Invocation.Ended or Invocation.Waiting { Asked: not null }, "what became of the call");
    }
}
