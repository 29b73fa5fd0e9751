using AgentPlatform.Contracts;
using AgentPlatform.Messaging;
using AgentPlatform.Orchestrator.Attempts;
using AgentPlatform.Orchestrator.Runs;
using static AgentPlatform.Orchestrator.Tests.Some;

namespace AgentPlatform.Orchestrator.Tests.Runs;

public sealed class ProgressTests
{
    [Fact]
    public void A_started_run_dispatches_as_many_tasks_as_it_has_workers()
    {
        var (facts, outgoing) = StartRun.Decide(new StartRun(RunA, Plan(Task("a"), Task("b"), Task("c")), Files, "owner", Noon, null), new Run.NotStarted());

        Assert.Equal([("a", "developer-1"), ("b", "developer-2")], facts.OfType<RunEvent.TaskAssigned>().Select(f => (f.Task, f.Worker)));
        Assert.Equal(["a", "b"], outgoing.OfType<StartAttempt>().Select(m => m.Task));
        Assert.Single(outgoing.OfType<RunStarted>());
    }

    [Fact]
    public void A_run_that_is_started_twice_is_one_run() => Spec
        .Given(Started(Task("a")))
        .When(run => StartRun.Decide(new StartRun(RunA, Plan(Task("a")), Files, "owner", Noon, null), run))
        .Then().Telling();

    [Fact]
    public void Promised_artifacts_are_verified_by_a_task_that_needs_all_others()
    {
        var (facts, _) = StartRun.Decide(new StartRun(RunA, Plan(Task("a"), Task("b")) with { Artifacts = ["out/report.md"] }, Files, "owner", Noon, null), new Run.NotStarted());

        var verify = facts.OfType<RunEvent.RunStarted>().Single().Plan.Tasks[^1];
        Assert.Equal(["a", "b"], verify.Needs!);
        Assert.Equal("""{"checks":[{"file_exists":{"path":"out/report.md","min_bytes":1}}]}""", verify.Tool!.Arguments!.Value.GetRawText());
    }

    [Fact]
    public void A_result_waits_for_the_results_of_what_was_dispatched_before() => Spec
        .Given(TwoAtWork())
        .When(run => WhenAttemptProgressed.Handle(Result("b", Done()), run, Context))
        .Then(Settled("b", Done()))
        .Telling();

    [Fact]
    public void Results_take_effect_in_dispatch_order()
    {
        var (facts, outgoing) = WhenAttemptProgressed.Handle(Result("a", Done()), Spec.Given([.. TwoAtWork(), Settled("b", Done())]).State, Context);

        Assert.Equal(["a", "b"], facts.OfType<RunEvent.TaskSucceeded>().Select(f => f.Task));
        Assert.Equal("c", Assert.Single(outgoing.OfType<StartAttempt>()).Task);
    }

    [Fact]
    public void In_eager_order_a_result_waits_for_nobody()
    {
        RunEvent[] facts = [Started() with { Plan = Plan(Task("a"), Task("b"), Task("c")) with { Order = DispatchOrder.Eager } }, .. TwoAtWork()[1..]];

        var (after, _) = WhenAttemptProgressed.Handle(Result("b", Done()), Spec.Given(facts).State, Context);

        Assert.Equal(["AttemptSettled", "TaskSucceeded", "TaskAssigned"], after.Select(f => f.GetType().Name));
    }

    [Fact]
    public void The_last_result_ends_the_run_with_a_message_that_carries_its_hash()
    {
        var (facts, outgoing) = WhenAttemptProgressed.Handle(Result("a", Done("out/x.txt")), OneAtWork(Task("a")), Context);

        var ended = Assert.Single(facts.OfType<RunEvent.RunEnded>());
        Assert.Equal((RunStatus.Succeeded, null, "out/x.txt"), (ended.Status, ended.Reason, Assert.Single(ended.Artifacts).Path));
        Assert.Equal(new RunEnded(RunA, RunStatus.Succeeded, ended.StateHash, Noon), Assert.Single(outgoing));
    }

    [Fact]
    public void A_failure_that_may_pass_is_tried_again_after_a_pause()
    {
        var task = Task("a") with { Retry = new PlanRetry(3, TimeSpan.FromSeconds(4)) };

        var (facts, outgoing) = WhenAttemptProgressed.Handle(Result("a", Failed(retryable: true)), OneAtWork(task), Context);

        var retrying = Assert.Single(facts.OfType<RunEvent.TaskRetrying>());
        Assert.Equal((2, "developer-1"), (retrying.Attempt, retrying.Worker));
        Assert.Equal(new Scheduled(Start(task, 2), retrying.Delay), Assert.Single(outgoing));
    }

    [Fact]
    public void The_pause_doubles_up_to_its_bound_and_is_the_same_for_the_same_run()
    {
        var task = Task("a") with { Retry = new PlanRetry(10, TimeSpan.FromSeconds(4), TimeSpan.FromSeconds(20)) };
        var pauses = Enumerable.Range(1, 9).Select(attempt => Pause(task, attempt)).ToList();

        Assert.Equal(pauses, Enumerable.Range(1, 9).Select(attempt => Pause(task, attempt)));
        foreach (var (pause, full) in pauses.Zip([4.0, 8, 16, 20, 20, 20, 20, 20, 20]))
        {
            Assert.InRange(pause.TotalSeconds, full * 0.75, full);
        }
    }

    [Theory]
    [InlineData(false, 1)]
    [InlineData(true, 3)]
    public void A_failure_that_will_not_pass_or_was_tried_often_enough_is_a_dead_letter(bool retryable, int attempt)
    {
        var task = Task("a") with { Retry = new PlanRetry(3) };
        var run = (Run.Active)OneAtWork(task);
        run = run with { Tasks = run.Tasks.SetItem("a", run.Tasks["a"] with { Attempt = attempt }) };

        var (facts, outgoing) = WhenAttemptProgressed.Handle(Result("a", Failed(retryable), attempt), run, Context);

        Assert.Equal(["AttemptSettled", "TaskFailed", "TaskDeadLettered", "RunEnded"], facts.Select(f => f.GetType().Name));
        Assert.Equal("1 of 1 tasks did not succeed; first 'a': the program ended with 1", facts.OfType<RunEvent.RunEnded>().Single().Reason);
        Assert.IsType<RunEnded>(Assert.Single(outgoing));
    }

    [Fact]
    public void What_needs_a_dead_letter_is_skipped_and_the_rest_goes_on()
    {
        RunEvent[] before = [Started(Task("a"), Task("behind", "a"), Task("further", "behind"), Task("free") with { Priority = -1 }, Task("last") with { Priority = -2 }), Assigned("a"), Running("a"), Assigned("free", worker: "developer-2")];

        var (facts, outgoing) = WhenAttemptProgressed.Handle(Result("a", Failed()), Spec.Given(before).State, Context);

        Assert.Equal([("behind", "it needs 'a', which did not succeed"), ("further", "it needs 'behind', which did not succeed")], facts.OfType<RunEvent.TaskSkipped>().Select(f => (f.Task, f.Reason)));
        Assert.Equal("last", Assert.Single(outgoing.OfType<StartAttempt>()).Task);
        Assert.Empty(facts.OfType<RunEvent.RunEnded>());
    }

    [Fact]
    public void News_of_an_attempt_that_was_left_behind_is_ignored()
    {
        var run = Spec.Given([Started(Task("a") with { Retry = new PlanRetry(2) }), Assigned("a"), Running("a"), Settled("a", Failed(retryable: true)),
            new RunEvent.TaskFailed("a", 1, "exit_code", "1", Noon), new RunEvent.TaskRetrying("a", 2, "developer-1", TimeSpan.FromSeconds(1), Noon)]);

        run.When(r => WhenAttemptProgressed.Handle(Result("a", Done(), attempt: 1), r, Context)).Then().Telling();
        run.When(r => WhenAttemptProgressed.Handle(Phase("a", AttemptPhase.Started, attempt: 1), r, Context)).Then().Telling();
        run.When(r => WhenAttemptProgressed.Handle(Phase("a", AttemptPhase.Started, attempt: 2), r, Context)).Then(Running("a", attempt: 2)).Telling();
    }

    [Fact]
    public void A_result_that_is_told_twice_counts_once() => Spec
        .Given([.. TwoAtWork(), Settled("b", Done())])
        .When(run => WhenAttemptProgressed.Handle(Result("b", Failed()), run, Context))
        .Then().Telling();

    [Fact]
    public void A_result_that_overtook_the_news_of_the_start_counts() =>
        Assert.Equal(
            ["TaskStarted", "AttemptSettled", "TaskSucceeded", "RunEnded"],
            WhenAttemptProgressed.Handle(Result("a", Done()), Spec.Given(Started(Task("a")), Assigned("a")).State, Context).Facts.Select(f => f.GetType().Name));

    [Fact]
    public void News_for_a_run_that_ended_changes_nothing() => Spec
        .Given(Started(Task("a")), Assigned("a"), new RunEvent.TaskCancelled("a", Noon), new RunEvent.RunEnded(RunStatus.Stopped, "stopped", [], "hash", Noon))
        .When(run => WhenAttemptProgressed.Handle(Result("a", Done()), run, Context))
        .Then().Telling();

    [Fact]
    public void News_of_a_task_that_is_not_in_the_plan_changes_nothing() => Spec
        .Given(Started(Task("a")), Assigned("a"))
        .When(run => WhenAttemptProgressed.Handle(Result("stranger", Done()), run, Context))
        .Then().Telling();

    private static Run OneAtWork(PlanTask task) => Spec.Given(Started(task), Assigned("a"), Running("a")).State;

    private static RunEvent[] TwoAtWork() => [Started(Task("a"), Task("b"), Task("c")), Assigned("a"), Running("a"), Assigned("b", worker: "developer-2"), Running("b")];

    private static SettleAttempt Result(string task, AttemptResult result, int attempt = 1) => new(RunA, task, attempt, result);

    private static AttemptProgressed Phase(string task, AttemptPhase phase, int attempt) => new(RunA, task, attempt, phase, null, null);

    private static TimeSpan Pause(PlanTask task, int attempt)
    {
        var run = (Run.Active)OneAtWork(task);
        run = run with { Tasks = run.Tasks.SetItem("a", run.Tasks["a"] with { Attempt = attempt }) };
        return WhenAttemptProgressed.Handle(Result("a", Failed(retryable: true), attempt), run, Context).Facts.OfType<RunEvent.TaskRetrying>().Single().Delay;
    }
}
