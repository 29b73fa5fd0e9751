using AgentPlatform.Contracts;
using AgentPlatform.ToolGateway.Policy;
using AgentPlatform.ToolGateway.Toolkits;

namespace AgentPlatform.ToolGateway.Tests.Invocations;

public sealed class PolicyTests
{
    [Fact]
    public void The_strictest_rule_wins_wherever_it_stands()
    {
        PolicyRule[] rules = [new("wide", "probe.*", Verdict.Allow, "wide"), new("strict", "*", Verdict.Deny, "strict"), new("narrow", "probe.run", Verdict.Ask, "narrow")];

        Assert.Equal(new VerdictView(Verdict.Deny, "strict", "strict"), Decide(rules));
        Assert.Equal(new VerdictView(Verdict.Deny, "strict", "strict"), Decide([.. rules.Reverse()]));
        Assert.Equal(new VerdictView(Verdict.Ask, "narrow", "narrow"), Decide(rules[0], rules[2]));
    }

    [Fact]
    public void Where_no_rule_speaks_the_answer_is_no() =>
        Assert.Equal(new VerdictView(Verdict.Deny, "default", "no rule allows 'probe.run' for the role 'developer'"), Decide(new PolicyRule("other", "files.*", Verdict.Allow, "other")));

    [Fact]
    public void A_rule_may_be_about_one_role_only()
    {
        var rule = new PolicyRule("browsers", "probe.run", Verdict.Allow, "browsers") { Role = "browser" };

        Assert.Equal(Verdict.Deny, Decide(rule).Verdict);
        Assert.Equal(Verdict.Allow, new PolicyEngine([rule]).Decide(new ProbeTool().Spec, "browser").Verdict);
    }

    [Fact]
    public void A_rule_that_contradicts_its_own_example_is_not_loaded()
    {
        var fits = Assert.Throws<InvalidOperationException>(() => new PolicyEngine([new("r", "files.*", Verdict.Allow, "because") { Fits = ["shell.run"] }]));
        var doesNotFit = Assert.Throws<InvalidOperationException>(() => new PolicyEngine([new("r", "files.*", Verdict.Allow, "because") { DoesNotFit = ["files.read"] }]));

        Assert.Equal("The policy rule 'r' contradicts its own example 'shell.run'", fits.Message);
        Assert.Equal("The policy rule 'r' contradicts its own example 'files.read'", doesNotFit.Message);
    }

    [Fact]
    public void A_rule_without_a_reason_is_not_loaded() =>
        Assert.Equal("The policy rule 'r' gives no reason", Assert.Throws<InvalidOperationException>(() => new PolicyEngine([new("r", "*", Verdict.Allow, "")])).Message);

    [Theory]
    [InlineData("files.write", Verdict.Allow)]
    [InlineData("files.delete", Verdict.Ask)]
    [InlineData("shell.run", Verdict.Allow)]
    [InlineData("net.fetch", Verdict.Deny)]
    public void Without_configuration_the_workspace_is_open_deletions_are_asked_and_the_world_is_closed(string tool, Verdict verdict)
    {
        var spec = new ProbeTool().Spec with { Server = tool.Split('.')[0], Name = tool.Split('.')[1] };

        Assert.Equal(verdict, new PolicyEngine(PolicyEngine.Default).Decide(spec, "developer").Verdict);
    }

    private static VerdictView Decide(params PolicyRule[] rules) => new PolicyEngine(rules).Decide(new ProbeTool().Spec, "developer");
}
