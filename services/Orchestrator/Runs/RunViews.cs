using AgentPlatform.Contracts;
using AgentPlatform.EventStore;

namespace AgentPlatform.Orchestrator.Runs;

/// <summary>A run as callers see it.</summary>
public static class RunViews
{
    /// <summary>The list that <c>GET /v1/runs</c> pages through.</summary>
    public const string List = "runs";

    public static ViewRow? Row(Run run) => run is Run.Known known
        ? new ViewRow(List, known.Id.ToString(), known.StartedAt.UtcDateTime.ToString("O"), Status(known).ToString(), Summary(known))
        : null;

    public static RunSummary Summary(Run.Known run)
    {
        ArgumentNullException.ThrowIfNull(run);
        return new(run.Id, run.Plan.Name, Status(run), run.StartedAt, (run as Run.Ended)?.EndedAt, run.Tasks.Values.Count(t => TaskMoves.IsEnd(t.State)), run.Tasks.Count);
    }

    public static RunView View(Run.Known run, long version)
    {
        ArgumentNullException.ThrowIfNull(run);
        var ended = run as Run.Ended;
        return new RunView(
            run.Id,
            run.Plan.Name,
            run.Plan.Title,
            Status(run),
            ended?.Reason,
            run.Workspace,
            run.StartedAt,
            ended?.EndedAt,
            [.. run.Plan.Tasks.Select(task => Task(task, run.Tasks[task.Id]))],
            ended?.Artifacts ?? Product(run),
            [.. run.Dispatched],
            ended?.StateHash ?? StateHash.Of(run),
            version,
            run.TraceId);
    }

    /// <summary>The promised artifacts, or everything that tasks wrote where the plan promises nothing.</summary>
    public static Artifact[] Product(Run.Known run)
    {
        ArgumentNullException.ThrowIfNull(run);
        var written = run.Graph.Ids.SelectMany(id => run.Tasks[id].Artifacts).GroupBy(a => a.Path, StringComparer.Ordinal).Select(g => g.Last());
        return run.Plan.Artifacts is { Length: > 0 } promised
            ? [.. written.Where(a => promised.Contains(a.Path)).OrderBy(a => Array.IndexOf(promised, a.Path))]
            : [.. written.OrderBy(a => a.Path, StringComparer.Ordinal)];
    }

    private static RunStatus Status(Run.Known run) => run switch
    {
        Run.Ended ended => ended.Status,
        { IsPaused: true } => RunStatus.Paused,
        _ => RunStatus.Running,
    };

    private static TaskView Task(PlanTask task, TaskProgress progress) => new(
        task.Id, task.Title, Scheduler.RoleOf(task), progress.State, progress.Attempt, progress.Worker, task.Needs ?? [], progress.Reason, progress.Request,
        progress.StartedAt, progress.EndedAt, progress.Artifacts);
}
