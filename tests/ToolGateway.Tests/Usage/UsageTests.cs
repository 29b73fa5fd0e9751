using AgentPlatform.Contracts;
using AgentPlatform.Testing;
using AgentPlatform.ToolGateway.Invocations;
using AgentPlatform.ToolGateway.Tests.Invocations;
using AgentPlatform.ToolGateway.Usage;
using static AgentPlatform.ToolGateway.Tests.Invocations.Story;

namespace AgentPlatform.ToolGateway.Tests.Usage;

public sealed class UsageTests(Servers servers) : IClassFixture<Servers>
{
    [Fact]
    public async Task Calls_are_counted_by_tool_and_by_how_they_ended()
    {
        var slow = new ProbeTool("slow") { Goes = new TaskCompletionSource() };
        await using var gateway = await GatewayHost.Start(servers, new ProbeTool(), slow);
        var (first, second, unknown, held) = (New("probe.run"), New("probe.run"), New("nothing.there"), New("probe.slow"));

        await gateway.Send(first, second, unknown, held);
        await gateway.Ended(first.Invocation);
        await gateway.Ended(second.Invocation);
        await gateway.Ended(unknown.Invocation);
        await slow.Begun.Task;
        var usage = await gateway.Usage();

        Assert.Equal(["nothing.there", "probe.run@1", "probe.slow@1"], usage.Select(u => u.Tool));
        Assert.Equal((1, 0, null), (usage[0].Outcomes[ToolOutcomeStatus.Failed], usage[0].Open, usage[0].MsMean));
        Assert.Equal((2, 0, 2), (usage[1].Calls, usage[1].Open, usage[1].Outcomes[ToolOutcomeStatus.Completed]));
        Assert.InRange(usage[1].MsMean!.Value, 0, usage[1].MsMax!.Value);
        Assert.Equal((1, 1, 0), (usage[2].Calls, usage[2].Open, usage[2].Outcomes.Count));

        slow.Goes.SetResult();
        await gateway.Ended(held.Invocation);
        Assert.Equal((0, 1), ((await gateway.Usage())[2].Open, (await gateway.Usage())[2].Outcomes[ToolOutcomeStatus.Completed]));
    }

    [Fact]
    public void Times_are_told_by_mean_maximum_and_a_bound_for_most()
    {
        var usage = ToolUsage.None("t@1");
        foreach (var ms in Enumerable.Range(1, 19).Select(n => (double)n).Append(1_000))
        {
            usage = usage.Asked(Noon).Settled(1, new ToolOutcome(ToolOutcomeStatus.Completed, default, [], null, ms), Noon.AddSeconds(1));
        }

        usage = usage.Asked(Noon).Settled(0, new ToolOutcome(ToolOutcomeStatus.Denied, default, [], null, 0), Noon);
        var view = usage.View();

        Assert.Equal((21, 0, 59.5, 32, 1_000, Noon.AddSeconds(1)), (view.Calls, view.Open, view.MsMean, view.MsP95, view.MsMax, view.LastAt));
        Assert.Equal(new Dictionary<ToolOutcomeStatus, long> { [ToolOutcomeStatus.Completed] = 20, [ToolOutcomeStatus.Denied] = 1 }, view.Outcomes);
    }

    [Fact]
    public void A_tool_is_failing_from_its_first_fault_until_it_works_again_and_what_is_not_its_fault_does_not_count()
    {
        var usage = ToolUsage.None("t@1");
        Assert.Null(usage.Health());
        foreach (var (minute, fault) in ((int, string?)[])[(0, null), (1, "unavailable"), (2, "timeout"), (3, "exit_code"), (4, "denied")])
        {
            usage = usage.Asked(Noon).Settled(1, Outcome(fault), Noon.AddMinutes(minute));
        }

        Assert.Equal(new ToolHealth(ToolHealthState.Failing, Noon.AddMinutes(1), 0.19, "because of timeout", Noon.AddMinutes(2), 1, 1), usage.Health());
        usage = usage.Asked(Noon).Settled(1, Outcome(null), Noon.AddMinutes(5));
        Assert.Equal(new ToolHealth(ToolHealthState.Up, Noon.AddMinutes(5), 0.171, "because of timeout", Noon.AddMinutes(2), 1, 1), usage.Health());

        static ToolOutcome Outcome(string? fault) => fault is null
            ? new ToolOutcome(ToolOutcomeStatus.Completed, default, [], null, 1)
            : new ToolOutcome(ToolOutcomeStatus.Failed, default, [], new ToolError(fault, $"because of {fault}", Retryable: false), 1);
    }

    private static InvokeTool New(string tool) => Call with { Invocation = InvocationId.New(), Tool = tool };
}
