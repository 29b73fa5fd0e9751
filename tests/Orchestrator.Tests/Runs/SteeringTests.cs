using AgentPlatform.Contracts;
using AgentPlatform.Orchestrator.Attempts;
using AgentPlatform.Orchestrator.Runs;
using static AgentPlatform.Orchestrator.Tests.Some;

namespace AgentPlatform.Orchestrator.Tests.Runs;

public sealed class SteeringTests
{
    private static readonly RunEvent[] AtWork = [Started(Task("a"), Task("b", "a")), Assigned("a"), Running("a")];

    [Fact]
    public void A_run_is_paused() => Spec.Given(AtWork).When(run => SteerRun.Pause(run, "anna", Noon)).Then(new RunEvent.RunPaused("anna", Noon)).Telling();

    [Fact]
    public void A_paused_run_takes_results_in_and_dispatches_nothing()
    {
        var (facts, outgoing) = WhenAttemptProgressed.Handle(new SettleAttempt(RunA, "a", 1, Done()), Paused().State, Context);

        Assert.Equal(["AttemptSettled", "TaskSucceeded"], facts.Select(f => f.GetType().Name));
        Assert.Empty(outgoing);
    }

    [Fact]
    public void A_resumed_run_dispatches_what_became_ready()
    {
        var paused = Paused().State;
        paused = WhenAttemptProgressed.Handle(new SettleAttempt(RunA, "a", 1, Done()), paused, Context).Facts.Aggregate(paused, Run.Evolve);

        var (facts, outgoing) = SteerRun.Resume(paused, "anna", Noon);

        Assert.Equal(["RunResumed", "TaskAssigned"], facts.Select(f => f.GetType().Name));
        Assert.Equal("b", Assert.IsType<StartAttempt>(Assert.Single(outgoing)).Task);
    }

    [Fact]
    public void Steering_told_twice_changes_nothing()
    {
        Paused().When(run => SteerRun.Pause(run, "anna", Noon)).Then().Telling();
        Spec.Given(AtWork).When(run => SteerRun.Resume(run, "anna", Noon)).Then().Telling();
        Stopped().When(run => SteerRun.Stop(run, "anna", Noon)).Then().Telling();
    }

    [Fact]
    public void A_stop_cancels_every_task_and_the_attempts_that_are_at_work()
    {
        var (facts, outgoing) = SteerRun.Stop(Spec.Given(AtWork).State, "anna", Noon);

        Assert.Equal(["a", "b"], facts.OfType<RunEvent.TaskCancelled>().Select(f => f.Task));
        var ended = Assert.Single(facts.OfType<RunEvent.RunEnded>());
        Assert.Equal((RunStatus.Stopped, "stopped by anna"), (ended.Status, ended.Reason));
        Assert.Equal([new CancelAttempt(RunA, "a", 1, "the run was stopped"), new RunEnded(RunA, RunStatus.Stopped, ended.StateHash, Noon)], outgoing);
    }

    [Fact]
    public void A_stop_takes_back_what_humans_were_asked()
    {
        var request = RequestId.New();
        RunEvent[] waiting = [Started(Task("a")), Assigned("a"), new RunEvent.TaskApprovalAsked("a", request, "hash", Noon)];

        var (_, outgoing) = SteerRun.Stop(Spec.Given(waiting).State, "anna", Noon);

        Assert.Equal(new WithdrawRequest(request, "the run was stopped"), Assert.Single(outgoing.OfType<WithdrawRequest>()));
    }

    [Fact]
    public void A_stopped_run_is_not_paused_or_resumed()
    {
        Stopped().When(run => SteerRun.Pause(run, "anna", Noon)).Then().Telling();
        Stopped().When(run => SteerRun.Resume(run, "anna", Noon)).Then().Telling();
    }

    private static Spec.Story<Run, RunEvent> Paused() => Spec.Given([.. AtWork, new RunEvent.RunPaused("anna", Noon)]);

    private static Spec.Story<Run, RunEvent> Stopped() => Spec.Given([.. AtWork, .. SteerRun.Stop(Spec.Given(AtWork).State, "anna", Noon).Facts]);
}
