using AgentPlatform.Contracts;
using AgentPlatform.Orchestrator.Attempts;
using AgentPlatform.Orchestrator.Runs;
using static AgentPlatform.Orchestrator.Tests.Some;

namespace AgentPlatform.Orchestrator.Tests.Runs;

public sealed class ApprovalTests
{
    private static readonly PlanTask Guarded = Task("a") with { Title = "Publish", Approval = new PlanApproval(ExpiresAfter: TimeSpan.FromHours(1)) };

    [Fact]
    public void A_task_with_approval_asks_and_starts_nothing()
    {
        var (facts, outgoing) = StartRun.Decide(new StartRun(RunA, Plan(Guarded), Files, "owner", Noon, null), new Run.NotStarted());

        var asked = Assert.Single(outgoing.OfType<RequestDecision>());
        Assert.Equal(("Publish", "a", $"run/{RunA}", Noon.AddHours(1)), (asked.Title, asked.Task, asked.AskedBy, asked.ExpiresAt));
        Assert.Equal(asked.CallHash, Assert.Single(facts.OfType<RunEvent.TaskApprovalAsked>()).CallHash);
        Assert.Empty(outgoing.OfType<StartAttempt>());
    }

    [Fact]
    public void The_hash_follows_the_task_that_is_approved()
    {
        var other = Guarded with { Tool = new PlanTool("files.delete") };

        Assert.NotEqual(Asked(Guarded).CallHash, Asked(other).CallHash);
        Assert.Equal(Asked(Guarded).CallHash, Asked(Guarded).CallHash);
    }

    [Fact]
    public void A_yes_starts_the_task() => Waiting()
        .When(run => WhenRequestDecided.Handle(Answer(Decision.Approve), run, Context))
        .Then(new RunEvent.TaskApproved("a", "anna", "go", Noon))
        .Telling(Start(Guarded));

    [Fact]
    public void A_no_ends_the_task_and_says_who_said_it()
    {
        var (facts, _) = WhenRequestDecided.Handle(Answer(Decision.Deny), Waiting().State, Context);

        Assert.Equal("anna said no: go", Assert.Single(facts.OfType<RunEvent.TaskDeadLettered>()).Reason);
        Assert.Equal(RunStatus.Failed, Assert.Single(facts.OfType<RunEvent.RunEnded>()).Status);
    }

    [Fact]
    public void Silence_is_a_no()
    {
        var (facts, outgoing) = WhenRequestDecided.Handle(Answer(Decision.Expired), Waiting().State, Context);

        Assert.Equal("nobody approved it in time", Assert.Single(facts.OfType<RunEvent.TaskDeadLettered>()).Reason);
        Assert.Empty(outgoing.OfType<StartAttempt>());
    }

    [Fact]
    public void A_yes_to_something_else_is_a_no()
    {
        var (facts, outgoing) = WhenRequestDecided.Handle(Answer(Decision.Approve) with { CallHash = "of another task" }, Waiting().State, Context);

        Assert.Equal("the approval was for something else than what was asked", Assert.Single(facts.OfType<RunEvent.TaskDeadLettered>()).Reason);
        Assert.Empty(outgoing.OfType<StartAttempt>());
    }

    [Fact]
    public void A_yes_to_another_request_changes_nothing() => Waiting()
        .When(run => WhenRequestDecided.Handle(Answer(Decision.Approve) with { Request = RequestId.New() }, run, Context))
        .Then().Telling();

    [Fact]
    public void A_yes_told_twice_starts_the_task_once() => Spec
        .Given([.. Facts(Guarded), new RunEvent.TaskApproved("a", "anna", "go", Noon)])
        .When(run => WhenRequestDecided.Handle(Answer(Decision.Approve), run, Context))
        .Then().Telling();

    [Fact]
    public void A_yes_after_a_no_that_waits_for_its_turn_changes_nothing()
    {
        // 'slow' was dispatched first and has not told its result, so the no is stored but has not taken effect.
        RunEvent[] facts = [Started(Task("slow"), Guarded), Assigned("slow"), Assigned("a", worker: "developer-2"), new RunEvent.TaskApprovalAsked("a", Request, Hash, Noon)];
        var denied = Spec.Given(facts).State;
        denied = WhenRequestDecided.Handle(Answer(Decision.Deny), denied, Context).Facts.Aggregate(denied, Run.Evolve);

        var (after, outgoing) = WhenRequestDecided.Handle(Answer(Decision.Approve), denied, Context);

        Assert.Empty(after);
        Assert.Empty(outgoing);
    }

    [Fact]
    public void Nobody_waits_in_the_queue_for_a_task_that_waits_for_a_human()
    {
        RunEvent[] facts = [Started(Guarded, Task("b")), Assigned("a"), new RunEvent.TaskApprovalAsked("a", Request, Hash, Noon), Assigned("b", worker: "developer-2"), Running("b")];

        var (after, _) = WhenAttemptProgressed.Handle(new SettleAttempt(RunA, "b", 1, Done()), Spec.Given(facts).State, Context);

        Assert.Single(after.OfType<RunEvent.TaskSucceeded>());
    }

    [Fact]
    public void A_held_tool_call_lets_the_results_behind_it_through()
    {
        RunEvent[] facts = [Started(Task("a"), Task("b")), Assigned("a"), Running("a"), Assigned("b", worker: "developer-2"), Running("b"), Settled("b", Done())];

        var (after, _) = WhenAttemptProgressed.Handle(Held("a"), Spec.Given(facts).State, Context);

        Assert.Equal(["TaskHeld", "TaskSucceeded"], after.Select(f => f.GetType().Name));
    }

    [Fact]
    public void A_decided_tool_call_goes_on_whatever_the_decision()
    {
        RunEvent[] facts = [Started(Task("a")), Assigned("a"), Running("a"), new RunEvent.TaskHeld("a", 1, Request, "policy asks", Noon)];

        // What a no means for the call is ToolGateway's affair; its result follows.
        Spec.Given(facts).When(run => WhenRequestDecided.Handle(Answer(Decision.Deny), run, Context)).Then(new RunEvent.TaskReleased("a", 1, Noon)).Telling();
    }

    [Fact]
    public void Late_news_of_a_hold_did_not_let_a_settled_task_hang()
    {
        RunEvent[] facts = [Started(Task("slow"), Task("a")), Assigned("slow"), Assigned("a", worker: "developer-2"), Running("a"), Settled("a", Done())];

        Spec.Given(facts).When(run => WhenAttemptProgressed.Handle(Held("a"), run, Context)).Then().Telling();
    }

    private static readonly RequestId Request = RequestId.From(DerivedId.Of(RunA.ToString(), "a", "approval"));

    private static readonly string Hash = Asked(Guarded).CallHash;

    private static RequestDecision Asked(PlanTask task) =>
        StartRun.Decide(new StartRun(RunA, Plan(task), Files, "owner", Noon, null), new Run.NotStarted()).Outgoing.OfType<RequestDecision>().Single();

    private static RunEvent[] Facts(PlanTask task) => StartRun.Decide(new StartRun(RunA, Plan(task), Files, "owner", Noon, null), new Run.NotStarted()).Facts;

    private static Spec.Story<Run, RunEvent> Waiting() => Spec.Given(Facts(Guarded));

    private static RequestDecided Answer(Decision decision) => new(Request, RunA, "a", decision, Hash, "anna", "go", Noon);

    private static AttemptProgressed Held(string task) => new(RunA, task, 1, AttemptPhase.Held, Request, "policy asks");
}
