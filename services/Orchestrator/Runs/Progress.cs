using System.Security.Cryptography;
using System.Text;
using AgentPlatform.Contracts;
using AgentPlatform.Messaging;
using AgentPlatform.Orchestrator.Attempts;

namespace AgentPlatform.Orchestrator.Runs;

/// <summary>Carries a run as far as it can go after something happened: results take effect, tasks are dispatched, the run ends.</summary>
internal sealed class Progress
{
    private readonly List<RunEvent> _facts = [];
    private readonly List<object> _outgoing = [];
    private readonly DateTimeOffset _now;

    private Progress(Run.Active run, DateTimeOffset now) => (Run, _now) = (run, now);

    private Run.Active Run { get; set; }

    /// <summary>The facts given, and everything that follows from them.</summary>
    public static (RunEvent[] Facts, object[] Outgoing) After(Run.Active run, DateTimeOffset now, RunEvent[] facts, params object[] outgoing)
    {
        var progress = new Progress(run, now);
        progress._outgoing.AddRange(outgoing);
        foreach (var fact in facts)
        {
            progress.Add(fact);
        }

        progress.Go();
        return ([.. progress._facts], [.. progress._outgoing]);
    }

    private void Add(RunEvent fact)
    {
        _facts.Add(fact);
        if (Runs.Run.Evolve(Run, fact) is Run.Active next)
        {
            Run = next;
        }
    }

    private void Go()
    {
        // After every single result, whatever has become ready goes before the next result takes effect: whether two results arrived together or one after
        // the other must not show in the order of dispatch.
        DispatchReady();
        while (Scheduler.NextSettled(Run) is { } task)
        {
            TakeEffect(task, Run.Tasks[task]);
            DispatchReady();
        }

        if (Run.Tasks.Values.All(t => TaskMoves.IsEnd(t.State)))
        {
            End();
        }
    }

    private void DispatchReady()
    {
        while (Scheduler.NextDispatch(Run) is var (task, worker))
        {
            Dispatch(task, worker);
        }
    }

    private void TakeEffect(string id, TaskProgress task)
    {
        var result = task.Settled!;
        if (result.Succeeded)
        {
            Add(new RunEvent.TaskSucceeded(id, task.Attempt, result.Artifacts, _now));
            return;
        }

        Add(new RunEvent.TaskFailed(id, task.Attempt, result.Class ?? "failed", result.Reason ?? "no reason given", _now));
        var retry = Run.Graph.Tasks[id].Retry;
        if (result.Retryable && task.Attempt < (retry?.Attempts ?? 1))
        {
            var delay = Delay(id, task.Attempt, retry!);
            Add(new RunEvent.TaskRetrying(id, task.Attempt + 1, task.Worker!, delay, _now));
            _outgoing.Add(Start(id, task.Attempt + 1).In(delay));
            return;
        }

        Add(new RunEvent.TaskDeadLettered(id, result.Reason ?? "no reason given", _now));
        SkipBehind(id);
    }

    private void SkipBehind(string failed)
    {
        foreach (var behind in Run.Graph.Behind[failed].Where(id => !TaskMoves.IsEnd(Run.Tasks[id].State)))
        {
            Add(new RunEvent.TaskSkipped(behind, $"it needs '{failed}', which did not succeed", _now));
            SkipBehind(behind);
        }
    }

    private void Dispatch(string id, string worker)
    {
        var attempt = Run.Tasks[id].Attempt + 1;
        Add(new RunEvent.TaskAssigned(id, attempt, worker, _now));
        if (Run.Graph.Tasks[id].Approval is { } approval && Run.Tasks[id].ApprovedBy is null)
        {
            AskApproval(id, approval);
        }
        else
        {
            _outgoing.Add(Start(id, attempt));
        }
    }

    private void AskApproval(string id, PlanApproval approval)
    {
        var task = Run.Graph.Tasks[id];
        var request = new RequestId(DerivedId.Of(Run.Id.ToString(), id, "approval"));
        var content = System.Text.Json.JsonSerializer.Serialize(task, ContractJson.Options);
        var hash = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes($"{Run.Id}\n{content}")));
        Add(new RunEvent.TaskApprovalAsked(id, request, hash, _now));
        _outgoing.Add(new RequestDecision(
            request,
            RequestKind.Approval,
            approval.Title ?? task.Title ?? id,
            approval.Detail ?? $"The task '{id}' of the run '{Run.Plan.Name}' may only start after an approval.",
            hash,
            Run.Id,
            id,
            $"run/{Run.Id}",
            approval.ExpiresAfter is { } after ? _now + after : null));
    }

    private void End()
    {
        var failed = Run.Tasks.Where(t => t.Value.State != TaskState.Succeeded).Select(t => t.Key).ToList();
        var status = failed.Count == 0 ? RunStatus.Succeeded : RunStatus.Failed;
        var first = Run.Graph.Ids.FirstOrDefault(id => Run.Tasks[id].State == TaskState.DeadLettered);
        var reason = failed.Count == 0 ? null : $"{failed.Count} of {Run.Tasks.Count} tasks did not succeed; first '{first}': {(first is null ? "skipped" : Run.Tasks[first].Reason)}";
        Add(new RunEvent.RunEnded(status, reason, RunViews.Product(Run), StateHash.Of(Run), _now));
        _outgoing.Add(new RunEnded(Run.Id, status, StateHash.Of(Run), _now));
    }

    private StartAttempt Start(string id, int attempt) =>
        new(Run.Id, id, attempt, Run.Workspace, Run.Graph.Tasks[id], Scheduler.RoleOf(Run.Graph.Tasks[id]), Run.Plan.Name);

    // Doubled each time up to the bound, then spread by a hash of who waits: the same for the same run, different for neighbours.
    private TimeSpan Delay(string id, int attempt, PlanRetry retry)
    {
        var first = retry.Delay ?? TimeSpan.FromSeconds(1);
        var bound = retry.DelayMax ?? TimeSpan.FromMinutes(1);
        var doubled = Math.Min(bound.Ticks, first.Ticks * Math.Pow(2, attempt - 1));
        var spread = DerivedId.Of(Run.Plan.Name, id, attempt.ToString()).ToByteArray()[0] / 255.0;
        return TimeSpan.FromTicks((long)(doubled * (0.75 + (0.25 * spread))));
    }
}
