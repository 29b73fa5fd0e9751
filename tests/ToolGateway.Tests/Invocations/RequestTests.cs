using System.Text.Json;
using AgentPlatform.Contracts;
using AgentPlatform.ToolGateway.Grants;
using AgentPlatform.ToolGateway.Invocations;
using AgentPlatform.ToolGateway.Policy;
using AgentPlatform.ToolGateway.Registry;
using static AgentPlatform.ToolGateway.Tests.Invocations.Story;

namespace AgentPlatform.ToolGateway.Tests.Invocations;

public sealed class RequestTests
{
    [Fact]
    public void An_allowed_call_is_recorded_before_it_runs()
    {
        var (facts, outgoing) = Intake(Verdict.Allow).Decide(Call, new Invocation.NotRequested(), Noon);

        Assert.Equal(["Requested", "Decided"], Names(facts));
        Assert.Equal(new RunInvocation(Call.Invocation), Assert.Single(outgoing));
        Assert.IsType<Invocation.Allowed>(After(facts));
    }

    [Fact]
    public void A_call_that_policy_asks_about_waits_for_a_human_and_says_what_exactly_is_asked()
    {
        var (facts, outgoing) = Intake(Verdict.Ask).Decide(Call, new Invocation.NotRequested(), Noon);

        Assert.Equal(["Requested", "Decided", "ApprovalAsked"], Names(facts));
        var asked = Assert.Single(outgoing.OfType<RequestDecision>());
        Assert.Equal(("developer wants to call probe.run", "run/1", Call.Run, "write"), (asked.Title, asked.AskedBy, asked.Run, asked.Task));
        Assert.Contains("\"text\":\"x\"", asked.Detail, StringComparison.Ordinal);
        Assert.Equal(CallHash.Of("probe.run@1", Call), asked.CallHash);
        Assert.Equal(new ToolCallHeld(Call.Invocation, Call.Run, "write", 1, asked.Request, "because"), Assert.Single(outgoing.OfType<ToolCallHeld>()));
        Assert.Empty(outgoing.OfType<RunInvocation>());
    }

    [Fact]
    public void Where_several_rules_ask_the_most_people_and_the_soonest_end_count()
    {
        var engine = new PolicyEngine(ReadPolicy.From("""
            rules:
              - { name: probe, tools: [probe.*], verdict: allow, because: b }
              - { name: two, tools: [probe.*], verdict: ask, because: b, asking: { approvals: 2, expires_seconds: 600 } }
              - { name: soon, tools: ['*'], verdict: ask, because: b, asking: { expires_seconds: 60, escalates_seconds: 30 } }
              - { name: others, tools: [other.*], verdict: ask, because: b, asking: { approvals: 9 } }
            """).Rules);

        var (_, outgoing) = RequestInvocation.Decide(new ToolRegistry([new ProbeTool()]), new Judge(engine, 7, Tainted: false), Call, new Invocation.NotRequested(), Noon);

        var asked = Assert.Single(outgoing.OfType<RequestDecision>());
        Assert.Equal((2, Noon.AddSeconds(60), Noon.AddSeconds(30)), (asked.Approvals, asked.ExpiresAt, asked.EscalatesAt));
    }

    [Fact]
    public void A_denied_call_ends_with_the_rule_and_its_reason_and_never_runs()
    {
        var (facts, outgoing) = Intake(Verdict.Deny).Decide(Call, new Invocation.NotRequested(), Noon);

        Assert.Equal(["Requested", "Decided", "Settled"], Names(facts));
        var told = Assert.IsType<ToolCallSettled>(Assert.Single(outgoing));
        Assert.Equal((ToolOutcomeStatus.Denied, "Policy says no (probe): because"), (told.Outcome.Status, told.Outcome.Error?.Message));
    }

    [Fact]
    public void An_unknown_tool_is_answered_with_the_way_to_the_known_ones() =>
        Refused(Call with { Tool = "probe.walk" }, "not_found", "The tool 'probe.walk' is not registered; GET /v1/tools lists what is");

    [Fact]
    public void A_tool_of_another_version_is_unknown() => Refused(Call with { Tool = "probe.run@2" }, "not_found", "probe.run@2");

    [Theory]
    [InlineData("{}", "PropertyRequired")]
    [InlineData("""{"text":"x","more":1}""", "NoAdditionalPropertiesAllowed")]
    [InlineData("""{"text":99999999999999999999}""", "too large")]
    [InlineData("[]", "ObjectExpected")]
    public void Arguments_that_do_not_fit_are_answered_and_never_run(string arguments, string why) => Refused(Call with { Arguments = Json(arguments) }, "invalid_arguments", why);

    [Theory]
    [InlineData(Verdict.Allow)]
    [InlineData(Verdict.Ask)]
    public void A_call_that_is_told_twice_is_one_call(Verdict verdict)
    {
        var (facts, outgoing) = Intake(verdict).Decide(Call, After(verdict), Noon);

        Assert.Empty(facts);
        Assert.Empty(outgoing);
    }

    [Fact]
    public void A_call_that_has_ended_gives_the_same_answer_again()
    {
        var (first, told) = Intake(Verdict.Deny).Decide(Call, new Invocation.NotRequested(), Noon);
        var (again, toldAgain) = Intake(Verdict.Allow).Decide(Call, After(first), Noon.AddDays(1));

        Assert.Empty(again);
        Assert.Equal(JsonSerializer.Serialize(told), JsonSerializer.Serialize(toldAgain));
    }

    [Fact]
    public void A_yes_runs_exactly_what_was_asked()
    {
        var (facts, outgoing, _) = Hear(Answer(Decision.Approve), After(Verdict.Ask));

        Assert.Equal(new InvocationEvent.Approved("anna", CallHash.Of("probe.run@1", Call), Noon), Assert.Single(facts));
        Assert.Equal(new RunInvocation(Call.Invocation), Assert.Single(outgoing));
    }

    [Theory]
    [InlineData(Decision.Deny, "anna said no: not now")]
    [InlineData(Decision.Expired, "Nobody approved it in time")]
    public void A_no_or_silence_ends_the_call(Decision decision, string reason) => Denied(Answer(decision), reason);

    [Fact]
    public void A_yes_to_another_call_is_a_no() => Denied(Answer(Decision.Approve) with { CallHash = CallHash.Of("probe.run@1", Call with { Arguments = Json("""{"text":"y"}""") }) }, "The approval was for another call");

    [Fact]
    public void An_answer_counts_once()
    {
        var approved = Hear(Answer(Decision.Approve), After(Verdict.Ask)).Facts.Aggregate(After(Verdict.Ask), Invocation.Evolve);

        Assert.Empty(Hear(Answer(Decision.Approve), approved).Facts);
        Assert.Empty(Hear(Answer(Decision.Deny), approved).Facts);
    }

    [Fact]
    public void Nobody_can_approve_what_was_denied_or_what_does_not_exist()
    {
        Assert.Empty(Hear(Answer(Decision.Approve), After(Verdict.Deny)).Outgoing);
        Assert.Empty(Hear(Answer(Decision.Approve), new Invocation.NotRequested()).Outgoing);
    }

    [Fact]
    public void A_call_that_waits_is_stopped_at_once_and_the_question_taken_back()
    {
        var (facts, outgoing) = StopInvocation.Decide(new CancelInvocation(Call.Invocation, "the run was stopped"), After(Verdict.Ask), Noon);

        Assert.Equal(ToolOutcomeStatus.Cancelled, Assert.IsType<InvocationEvent.Settled>(Assert.Single(facts)).Outcome.Status);
        Assert.Equal(["ToolCallSettled", "WithdrawRequest"], Names(outgoing));
    }

    [Fact]
    public void A_yes_with_other_arguments_runs_those_and_is_bound_to_their_hash()
    {
        var edited = Answer(Decision.Approve) with { Arguments = Json("""{"text":"better"}""") };

        var (facts, outgoing, _) = Hear(edited, After(Verdict.Ask));

        Assert.Equal(["Edited", "Approved"], Names(facts));
        Assert.Equal(CallHash.Of("probe.run@1", Call with { Arguments = edited.Arguments!.Value }), ((InvocationEvent.Approved)facts[1]).CallHash);
        var allowed = Assert.IsType<Invocation.Allowed>(facts.Aggregate(After(Verdict.Ask), Invocation.Evolve));
        Assert.Equal("better", allowed.Request.Call.Arguments.GetProperty("text").GetString());
        Assert.Equal(new RunInvocation(Call.Invocation), Assert.Single(outgoing));
    }

    [Fact]
    public void A_yes_with_arguments_that_do_not_fit_or_that_a_rule_denies_ends_the_call()
    {
        Denied(Answer(Decision.Approve) with { Arguments = Json("""{"txt":1}""") }, "anna approved it with arguments that do not fit the schema of probe.run@1");
        Denied(
            Answer(Decision.Approve) with { Arguments = Json("""{"text":"/etc/shadow"}""") }, "anna approved it with arguments that policy denies (system-secrets): holds secrets of the machine");
    }

    [Fact]
    public void A_yes_to_what_a_rule_denies_by_now_is_a_no()
    {
        var (facts, outgoing, grant) = HearDecision.Decide(Intake(Verdict.Ask).Registry, Says(Verdict.Deny), Answer(Decision.Approve) with { Remember = RememberFor.Run }, After(Verdict.Ask), Noon);

        Assert.IsType<InvocationEvent.Settled>(Assert.Single(facts));
        Assert.Equal("anna approved it, but policy denies it by now (probe): because", Assert.IsType<ToolCallSettled>(Assert.Single(outgoing)).Outcome.Error?.Message);
        Assert.Null(grant);
    }

    [Theory]
    [InlineData(RememberFor.Task)]
    [InlineData(RememberFor.Run)]
    [InlineData(RememberFor.Always)]
    public void A_yes_that_is_to_be_remembered_is_a_grant_for_the_same_tool_and_no_more(RememberFor what)
    {
        var grant = Hear(Answer(Decision.Approve) with { Remember = what }, After(Verdict.Ask)).Grant!;
        var again = Hear(Answer(Decision.Approve) with { Remember = what }, After(Verdict.Ask)).Grant!;

        Assert.Equal(grant.Id, again.Id);
        Assert.Equal(["probe.run"], grant.Scope.Tools);
        Assert.False(grant.Scope.Tainted);
        Assert.Equal(
            what switch { RememberFor.Task => (Call.Run, "write", false), RememberFor.Run => (Call.Run, null, false), _ => (null, null, true) },
            (grant.Scope.Run, grant.Scope.Task, grant.Scope.Roles is ["developer"]));
        Assert.Null(Hear(Answer(Decision.Deny) with { Remember = what }, After(Verdict.Ask)).Grant);
    }

    private static (InvocationEvent[] Facts, object[] Outgoing, GrantEvent.Given? Grant) Hear(RequestDecided answer, Invocation invocation) =>
        HearDecision.Decide(Intake(Verdict.Ask).Registry, Says(Verdict.Ask), answer, invocation, Noon);

    private static RequestDecided Answer(Decision decision) =>
        new(new RequestId(Call.Invocation.Value), Call.Run, "write", decision, CallHash.Of("probe.run@1", Call), "anna", "not now", Noon);

    private static void Denied(RequestDecided answer, string reason)
    {
        var (facts, outgoing, _) = Hear(answer, After(Verdict.Ask));

        Assert.IsType<InvocationEvent.Settled>(Assert.Single(facts));
        var told = Assert.IsType<ToolCallSettled>(Assert.Single(outgoing)).Outcome;
        Assert.Equal((ToolOutcomeStatus.Denied, reason), (told.Status, told.Error?.Message));
    }

    private static void Refused(InvokeTool call, string errorClass, string why)
    {
        var (facts, outgoing) = Intake(Verdict.Allow).Decide(call, new Invocation.NotRequested(), Noon);

        Assert.Equal(["Requested", "Settled"], Names(facts));
        var told = Assert.IsType<ToolCallSettled>(Assert.Single(outgoing)).Outcome;
        Assert.Equal((ToolOutcomeStatus.Failed, errorClass), (told.Status, told.Error?.Class));
        Assert.Contains(why, told.Error!.Message, StringComparison.Ordinal);
    }
}
