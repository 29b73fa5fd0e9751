using System.Collections.Immutable;
using AgentPlatform.Contracts;

namespace AgentPlatform.Orchestrator.Plans;

/// <summary>The task graph of a valid plan: what stands before and behind each task, and the one order in which ready tasks go.</summary>
public sealed class PlanGraph
{
    private PlanGraph(ImmutableDictionary<string, PlanTask> tasks, ImmutableDictionary<string, int> rank, ILookup<string, string> behind)
    {
        (Tasks, Rank, Behind) = (tasks, rank, behind);
        Ids = [.. tasks.Keys.OrderBy(id => rank[id])];
    }

    /// <summary>Tasks by id.</summary>
    public ImmutableDictionary<string, PlanTask> Tasks { get; }

    /// <summary>Place of each task in the order (priority, depth, declaration).</summary>
    public ImmutableDictionary<string, int> Rank { get; }

    /// <summary>Ids in that order.</summary>
    public ImmutableArray<string> Ids { get; }

    /// <summary>Task → tasks that need it.</summary>
    public ILookup<string, string> Behind { get; }

    /// <summary>Builds the graph; <see cref="Check"/> must have passed.</summary>
    public static PlanGraph Of(Plan plan)
    {
        ArgumentNullException.ThrowIfNull(plan);
        var tasks = plan.Tasks.ToImmutableDictionary(t => t.Id, StringComparer.Ordinal);
        var depth = new Dictionary<string, int>(StringComparer.Ordinal);
        var rank = plan.Tasks
            .Select((task, declared) => (task.Id, Priority: task.Priority ?? 0, Depth: Depth(task.Id, tasks, depth), declared))
            .OrderByDescending(t => t.Priority).ThenBy(t => t.Depth).ThenBy(t => t.declared)
            .Select((t, place) => (t.Id, place))
            .ToImmutableDictionary(t => t.Id, t => t.place, StringComparer.Ordinal);
        var behind = plan.Tasks.SelectMany(t => (t.Needs ?? []).Select(need => (need, t.Id))).ToLookup(p => p.need, p => p.Id, StringComparer.Ordinal);
        return new PlanGraph(tasks, rank, behind);
    }

    /// <summary>What is wrong with the graph: ids used twice, unknown needs, cycles. Empty when it is sound.</summary>
    public static IReadOnlyList<string> Check(Plan plan)
    {
        ArgumentNullException.ThrowIfNull(plan);
        var errors = plan.Tasks.GroupBy(t => t.Id, StringComparer.Ordinal).Where(g => g.Count() > 1).Select(g => $"task '{g.Key}' is declared {g.Count()} times; ids are unique").ToList();
        var ids = plan.Tasks.Select(t => t.Id).ToHashSet(StringComparer.Ordinal);
        foreach (var task in plan.Tasks)
        {
            foreach (var need in (task.Needs ?? []).Where(need => !ids.Contains(need)))
            {
                var near = ids.OrderBy(id => Distance(id, need)).ThenBy(id => id, StringComparer.Ordinal).First();
                errors.Add($"task '{task.Id}' needs '{need}', which is no task of this plan; did you mean '{near}'?");
            }
        }

        if (errors.Count == 0 && Cycle(plan) is { } cycle)
        {
            errors.Add($"the tasks wait for each other in a circle: {string.Join(" → ", cycle)}; remove one of these needs");
        }

        return errors;
    }

    private static int Depth(string id, ImmutableDictionary<string, PlanTask> tasks, Dictionary<string, int> known)
    {
        // Iterative, so that a chain of a thousand tasks does not depend on the size of the stack.
        var open = new Stack<string>([id]);
        while (open.TryPeek(out var at))
        {
            var missing = (tasks[at].Needs ?? []).Where(need => !known.ContainsKey(need)).ToList();
            if (missing.Count == 0)
            {
                known[at] = (tasks[at].Needs ?? []).Select(need => known[need] + 1).DefaultIfEmpty(0).Max();
                open.Pop();
            }
            else
            {
                missing.ForEach(open.Push);
            }
        }

        return known[id];
    }

    private static List<string>? Cycle(Plan plan)
    {
        // Take away what waits for nothing until nothing can be taken away; what is left holds a circle.
        var left = plan.Tasks.ToDictionary(t => t.Id, t => (t.Needs ?? []).ToHashSet(StringComparer.Ordinal), StringComparer.Ordinal);
        while (left.FirstOrDefault(t => t.Value.Count == 0).Key is { } free)
        {
            left.Remove(free);
            foreach (var needs in left.Values)
            {
                needs.Remove(free);
            }
        }

        if (left.Count == 0)
        {
            return null;
        }

        var path = new List<string> { left.Keys.First() };
        while (path.IndexOf(path[^1]) == path.Count - 1)
        {
            path.Add(left[path[^1]].First());
        }

        return path[path.IndexOf(path[^1])..];
    }

    private static int Distance(string a, string b)
    {
        var row = Enumerable.Range(0, b.Length + 1).ToArray();
        for (var i = 1; i <= a.Length; i++)
        {
            var (corner, _) = (row[0], row[0] = i);
            for (var j = 1; j <= b.Length; j++)
            {
                (corner, row[j]) = (row[j], Math.Min(Math.Min(row[j] + 1, row[j - 1] + 1), corner + (a[i - 1] == b[j - 1] ? 0 : 1)));
            }
        }

        return row[b.Length];
    }
}
