using AgentPlatform.Contracts;

namespace AgentPlatform.Orchestrator.Runs;

/// <summary>The small changes that facts make to a run at work.</summary>
internal static class RunChanges
{
    /// <summary>Whether the task is at this attempt: what an earlier one tells late is no news.</summary>
    public static bool IsAt(this Run.Known run, string task, int attempt) => run.Tasks.TryGetValue(task, out var progress) && progress.Attempt == attempt;

    public static Run.Active Change(this Run.Active run, string task, Func<TaskProgress, TaskProgress> change) =>
        run.Tasks.TryGetValue(task, out var progress) ? run with { Tasks = run.Tasks.SetItem(task, change(progress)) } : run;

    /// <summary>Moves a task and, if the move stands in the table, does what goes along with it; otherwise nothing changes at all.</summary>
    public static Run.Active Move(this Run.Active run, string task, TaskState to, Func<TaskProgress, TaskProgress> change, Func<Run.Active, Run.Active>? along = null)
    {
        if (!run.Tasks.TryGetValue(task, out var progress) || !TaskMoves.IsLegal(progress.State, to))
        {
            return run;
        }

        var moved = run.Change(task, t => change(t) with { State = to });
        return along is null ? moved : along(moved);
    }

    public static Run.Active Enqueue(this Run.Active run, string task) => run with { Queue = run.Queue.Add(task), Dispatched = run.Dispatched.Add(task) };

    public static Run.Active Dequeue(this Run.Active run, string task) => run with { Queue = run.Queue.Remove(task) };

    /// <summary>Who waited for a human rejoins at the end, so that nobody waited for that human's answer.</summary>
    public static Run.Active ToTail(this Run.Active run, string task) => run with { Queue = run.Queue.Remove(task).Add(task) };

    /// <summary>Pending tasks whose needs have all succeeded become ready.</summary>
    public static Run.Active WithReady(this Run.Active run)
    {
        var tasks = run.Tasks;
        foreach (var (id, progress) in run.Tasks)
        {
            if (progress.State == TaskState.Pending && (run.Graph.Tasks[id].Needs ?? []).All(need => run.Tasks[need].State == TaskState.Succeeded))
            {
                tasks = tasks.SetItem(id, progress with { State = TaskState.Ready });
            }
        }

        return run with { Tasks = tasks };
    }
}
