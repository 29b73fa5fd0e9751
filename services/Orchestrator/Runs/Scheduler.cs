using AgentPlatform.Contracts;

namespace AgentPlatform.Orchestrator.Runs;

/// <summary>What to do next, as a pure function of the run's state: whose result takes effect, and who is dispatched.</summary>
public static class Scheduler
{
    /// <summary>Tasks that may be at work at the same time when the plan does not say.</summary>
    public const int WorkersDefault = 4;

    /// <summary>The next task whose result takes effect, or null.</summary>
    /// <remarks>
    /// In deterministic order a result waits for the results of everything dispatched before it, except for tasks that wait for a human: so the state after
    /// each step, and with it the next dispatch, depends on the results alone and not on who was faster.
    /// </remarks>
    public static string? NextSettled(Run.Active run)
    {
        ArgumentNullException.ThrowIfNull(run);
        foreach (var task in run.Queue)
        {
            if (run.Tasks[task].Settled is not null)
            {
                return task;
            }

            if (!TaskMoves.IsWaiting(run.Tasks[task].State) && (run.Plan.Order ?? DispatchOrder.Deterministic) == DispatchOrder.Deterministic)
            {
                return null;
            }
        }

        return null;
    }

    /// <summary>The next task to dispatch with the worker that gets it, or null: the first ready one in the order (priority, depth, declaration).</summary>
    public static (string Task, string Worker)? NextDispatch(Run.Active run)
    {
        ArgumentNullException.ThrowIfNull(run);
        if (run.IsPaused)
        {
            return null;
        }

        // A place is free again when its result has taken effect, not when it arrived: otherwise timing would decide how many go at once.
        var atWork = run.Queue.Where(task => !TaskMoves.IsWaiting(run.Tasks[task].State)).ToList();
        if (atWork.Count >= (run.Plan.Workers ?? WorkersDefault))
        {
            return null;
        }

        var next = run.Graph.Ids.FirstOrDefault(id => run.Tasks[id].State == TaskState.Ready);
        return next is null ? null : (next, FreeWorker(run, RoleOf(run.Graph.Tasks[next]), run.Queue));
    }

    /// <summary>Who does a task when the plan does not say.</summary>
    public static string RoleOf(PlanTask task)
    {
        ArgumentNullException.ThrowIfNull(task);
        return task.Role ?? "developer";
    }

    private static string FreeWorker(Run.Active run, string role, IEnumerable<string> busy)
    {
        var taken = busy.Select(task => run.Tasks[task].Worker).ToHashSet(StringComparer.Ordinal);
        return Enumerable.Range(1, taken.Count + 1).Select(n => $"{role}-{n}").First(worker => !taken.Contains(worker));
    }
}
