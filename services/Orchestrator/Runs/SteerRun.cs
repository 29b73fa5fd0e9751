using AgentPlatform.Contracts;

namespace AgentPlatform.Orchestrator.Runs;

/// <summary>A human steers a run: pause, resume, stop. Told twice changes nothing; an ended run stays as it is.</summary>
public static class SteerRun
{
    public static (RunEvent[] Facts, object[] Outgoing) Pause(Run run, string by, DateTimeOffset now) =>
        run is Run.Active { IsPaused: false } ? ([new RunEvent.RunPaused(by, now)], []) : ([], []);

    public static (RunEvent[] Facts, object[] Outgoing) Resume(Run run, string by, DateTimeOffset now) =>
        run is Run.Active { IsPaused: true } active ? Progress.After(active, now, [new RunEvent.RunResumed(by, now)]) : ([], []);

    public static (RunEvent[] Facts, object[] Outgoing) Stop(Run run, string by, DateTimeOffset now)
    {
        if (run is not Run.Active active)
        {
            return ([], []);
        }

        var open = active.Graph.Ids.Where(id => !TaskMoves.IsEnd(active.Tasks[id].State)).ToList();
        RunEvent[] facts = [.. open.Select(id => new RunEvent.TaskCancelled(id, now))];
        var stopped = (Run.Active)facts.Aggregate((Run)active, Run.Evolve);
        var hash = StateHash.Of(stopped);
        object[] cancelled = [.. open.Where(id => active.Tasks[id].Attempt > 0).Select(id => new Attempts.CancelAttempt(active.Id, id, active.Tasks[id].Attempt, "the run was stopped"))];
        object[] withdrawn = [.. open.Select(id => active.Tasks[id].Request).OfType<RequestId>().Select(request => new WithdrawRequest(request, "the run was stopped"))];
        return (
            [.. facts, new RunEvent.RunEnded(RunStatus.Stopped, $"stopped by {by}", RunViews.Product(stopped), hash, now)],
            [.. cancelled, .. withdrawn, new RunEnded(active.Id, RunStatus.Stopped, hash, now)]);
    }
}
