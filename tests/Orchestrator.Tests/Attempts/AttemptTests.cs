using AgentPlatform.Contracts;
using AgentPlatform.Messaging;
using AgentPlatform.Orchestrator.Attempts;
using AgentPlatform.Orchestrator.Runs;
using static AgentPlatform.Orchestrator.Tests.Some;

namespace AgentPlatform.Orchestrator.Tests.Attempts;

public sealed class AttemptTests
{
    private static readonly PlanTask Tool = Task("a") with { Tool = new PlanTool("files.read", Json("""{"path":"x"}"""), Idempotent: true), Timeout = TimeSpan.FromMinutes(2) };
    private static readonly PlanTask Checked = Tool with { Checks = [Json("""{"file_exists":{"path":"x"}}""")] };

    [Fact]
    public void A_tool_task_asks_for_its_tool_and_sets_its_own_deadline()
    {
        var (facts, outgoing) = BeginAttempt.Handle(Start(Tool), new Attempt.NotStarted(), Context);

        Assert.Equal(["AttemptStarted", "ToolWanted"], facts.Select(f => f.GetType().Name));
        Assert.Equal(new AttemptProgressed(RunA, "a", 1, AttemptPhase.Started, null, null), outgoing[0]);
        Assert.Equal(new AttemptOverdue(RunA, "a", 1).In(TimeSpan.FromMinutes(2)), outgoing[1]);
        var call = Assert.IsType<InvokeTool>(outgoing[2]);
        Assert.Equal(("files.read", $"run/{RunA}", "developer", true, 120.0, 1), (call.Tool, call.Principal, call.Role, call.Idempotent, call.TimeoutSeconds, call.Attempt));
    }

    [Fact]
    public void The_same_decision_asks_for_the_same_call()
    {
        var calls = Enumerable.Range(0, 2).Select(_ => BeginAttempt.Handle(Start(Tool), new Attempt.NotStarted(), Context).Outgoing.OfType<InvokeTool>().Single().Invocation);

        Assert.Single(calls.Distinct());
        Assert.NotEqual(calls.First(), BeginAttempt.Handle(Start(Tool, attempt: 2), new Attempt.NotStarted(), Context).Outgoing.OfType<InvokeTool>().Single().Invocation);
    }

    [Fact]
    public void An_attempt_begins_once() => Working(Tool).When(attempt => BeginAttempt.Handle(Start(Tool), attempt, Context)).Then().Telling();

    [Fact]
    public void A_tool_that_did_its_work_ends_the_attempt_with_its_artifacts()
    {
        var (facts, outgoing) = Settles(Tool, Completed("out/x.txt"));

        Assert.Equal(["ToolSettled", "AttemptEnded"], facts.Select(f => f.GetType().Name));
        var result = Assert.IsType<SettleAttempt>(Assert.Single(outgoing)).Result;
        Assert.True(result.Succeeded);
        Assert.Equal("out/x.txt", Assert.Single(result.Artifacts).Path);
    }

    [Theory]
    [InlineData(ToolOutcomeStatus.Failed, true)]
    [InlineData(ToolOutcomeStatus.Denied, false)]
    [InlineData(ToolOutcomeStatus.NeedsReconcile, false)]
    public void A_tool_that_failed_fails_the_attempt_and_says_whether_it_may_pass(ToolOutcomeStatus status, bool retryable)
    {
        var (_, outgoing) = Settles(Tool, Broke(status, retryable));

        Assert.Equal(new AttemptResult(false, [], "unavailable", "the disk is full", retryable, 0) with { Artifacts = [] }, Assert.IsType<SettleAttempt>(Assert.Single(outgoing)).Result with { Artifacts = [] }, Same);
    }

    [Fact]
    public void Work_with_checks_is_verified_before_it_counts()
    {
        var (facts, outgoing) = Settles(Checked, Completed("x"));

        Assert.Equal(["ToolSettled", "ChecksWanted"], facts.Select(f => f.GetType().Name));
        var verify = Assert.Single(outgoing.OfType<InvokeTool>());
        Assert.Equal(("checks.verify", """{"checks":[{"file_exists":{"path":"x"}}]}""", true), (verify.Tool, verify.Arguments.GetRawText(), verify.Idempotent));
        Assert.Equal(AttemptPhase.Verifying, Assert.Single(outgoing.OfType<AttemptProgressed>()).Phase);
        Assert.Empty(outgoing.OfType<SettleAttempt>());
    }

    [Fact]
    public void Work_that_passes_its_checks_succeeds() => Assert.True(Verify(Completed("x")).Succeeded);

    [Fact]
    public void Work_that_does_not_pass_its_checks_fails_and_may_be_tried_again()
    {
        var result = Verify(Broke(ToolOutcomeStatus.Failed, retryable: false));

        Assert.Equal((false, "not_verified", "the result does not pass its checks: the disk is full", true), (result.Succeeded, result.Class, result.Reason, result.Retryable));
    }

    [Fact]
    public void An_overdue_attempt_fails_and_stops_its_tool()
    {
        var (_, outgoing) = EndAttempt.Handle(new AttemptOverdue(RunA, "a", 1), Working(Tool).State, Context);

        Assert.Equal(Invocation(Tool), Assert.Single(outgoing.OfType<CancelInvocation>()).Invocation);
        var result = Assert.Single(outgoing.OfType<SettleAttempt>()).Result;
        Assert.Equal(("timeout", "the attempt took longer than 00:02:00; raise 'timeout' of the task if it needs more", true), (result.Class, result.Reason, result.Retryable));
    }

    [Fact]
    public void An_overdue_verification_is_stopped_too()
    {
        var (_, outgoing) = EndAttempt.Handle(new AttemptOverdue(RunA, "a", 1), Verifying().State, Context);

        Assert.Equal(((Attempt.Working)Verifying().State).Checks, Assert.Single(outgoing.OfType<CancelInvocation>()).Invocation);
    }

    [Fact]
    public void A_cancelled_attempt_is_not_tried_again()
    {
        var (_, outgoing) = EndAttempt.Handle(new CancelAttempt(RunA, "a", 1, "the run was stopped"), Working(Tool).State, Context);

        Assert.Equal(new CancelInvocation(Invocation(Tool), "the run was stopped"), Assert.Single(outgoing.OfType<CancelInvocation>()));
        Assert.Equal(("cancelled", false), (outgoing.OfType<SettleAttempt>().Single().Result.Class, outgoing.OfType<SettleAttempt>().Single().Result.Retryable));
    }

    [Fact]
    public void An_attempt_that_was_cancelled_before_it_began_never_began()
    {
        // A retry that waits for its pause, or a start that the cancellation overtook.
        var (facts, _) = EndAttempt.Handle(new CancelAttempt(RunA, "a", 1, "the run was stopped"), new Attempt.NotStarted(), Context);

        Spec.Given(facts).When(attempt => BeginAttempt.Handle(Start(Tool), attempt, Context)).Then().Telling();
        Spec.Given(facts).When(attempt => EndAttempt.Handle(new CancelAttempt(RunA, "a", 1, "told twice"), attempt, Context)).Then().Telling();
    }

    [Fact]
    public void What_comes_after_the_end_changes_nothing()
    {
        var ended = Spec.Given([.. Facts(Tool), .. Settles(Tool, Completed("x")).Facts]);

        ended.When(a => WhenToolCallSettled.Handle(Settled(Invocation(Tool), Completed("x")), a, Context)).Then().Telling();
        ended.When(a => EndAttempt.Handle(new AttemptOverdue(RunA, "a", 1), a, Context)).Then().Telling();
        ended.When(a => EndAttempt.Handle(new CancelAttempt(RunA, "a", 1, "late"), a, Context)).Then().Telling();
    }

    [Fact]
    public void A_call_that_nobody_asked_for_changes_nothing() =>
        Working(Tool).When(a => WhenToolCallSettled.Handle(Settled(InvocationId.New(), Completed("x")), a, Context)).Then().Telling();

    [Fact]
    public void A_held_call_is_told_to_the_run()
    {
        var request = RequestId.New();

        Working(Tool).When(a => WhenToolCallSettled.Handle(new ToolCallHeld(Invocation(Tool), RunA, "a", 1, request, "policy asks"), a, Context))
            .Then().Telling(new AttemptProgressed(RunA, "a", 1, AttemptPhase.Held, request, "policy asks"));
    }

    private static readonly IEqualityComparer<AttemptResult> Same = EqualityComparer<AttemptResult>.Create(
        (x, y) => System.Text.Json.JsonSerializer.Serialize(x) == System.Text.Json.JsonSerializer.Serialize(y));

    private static AttemptEvent[] Facts(PlanTask task) => BeginAttempt.Handle(Start(task), new Attempt.NotStarted(), Context).Facts;

    private static Spec.Story<Attempt, AttemptEvent> Working(PlanTask task) => Spec.Given(Facts(task));

    private static Spec.Story<Attempt, AttemptEvent> Verifying() => Spec.Given([.. Facts(Checked), .. Settles(Checked, Completed("x")).Facts]);

    private static InvocationId Invocation(PlanTask task) => Facts(task).OfType<AttemptEvent.ToolWanted>().Single().Invocation;

    private static (AttemptEvent[] Facts, object[] Outgoing) Settles(PlanTask task, ToolOutcome outcome) =>
        WhenToolCallSettled.Handle(Settled(Invocation(task), outcome), Working(task).State, Context);

    private static AttemptResult Verify(ToolOutcome outcome)
    {
        var verifying = (Attempt.Working)Verifying().State;
        return WhenToolCallSettled.Handle(Settled(verifying.Checks!.Value, outcome), verifying, Context).Outgoing.OfType<SettleAttempt>().Single().Result;
    }

    private static ToolCallSettled Settled(InvocationId id, ToolOutcome outcome) => new(id, RunA, "a", 1, outcome);

    private static ToolOutcome Completed(params string[] paths) => new(ToolOutcomeStatus.Completed, Json("{}"), [.. paths.Select(File)], null, 1);

    private static ToolOutcome Broke(ToolOutcomeStatus status, bool retryable) => new(status, Json("{}"), [], new ToolError("unavailable", "the disk is full", retryable), 1);
}
