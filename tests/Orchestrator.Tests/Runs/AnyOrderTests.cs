using System.Text.Json;
using AgentPlatform.Contracts;
using AgentPlatform.EventStore;
using AgentPlatform.Orchestrator.Runs;

namespace AgentPlatform.Orchestrator.Tests.Runs;

/// <summary>Promise 2: the same plan with the same results gives the same order of dispatch and the same state, in whatever order the results arrive.</summary>
public sealed class AnyOrderTests
{
    private static readonly EventTypes Types = EventTypes.Of(typeof(RunEvent));

    [Theory, Seeds(250)]
    public void The_order_in_which_results_arrive_changes_nothing(int seed)
    {
        var plan = WorldPlan.From(seed);
        var first = World.Run(plan, arrival: 0);
        EndsOnce(first, plan.Plan);
        foreach (var arrival in Enumerable.Range(1, 4))
        {
            var other = World.Run(plan, arrival);
            EndsOnce(other, plan.Plan);
            Assert.Equal(first.End.Dispatched, other.End.Dispatched);
            Assert.Equal((first.End.StateHash, first.End.Status, first.End.Reason), (other.End.StateHash, other.End.Status, other.End.Reason));
        }
    }

    [Theory, Seeds(250)]
    public void A_run_ends_once_whatever_humans_and_the_network_do(int seed)
    {
        var plan = WorldPlan.From(seed, asksHumans: true, seed % 2 == 0 ? DispatchOrder.Eager : DispatchOrder.Deterministic);

        EndsOnce(World.Run(plan, arrival: seed, asksHumans: true), plan.Plan);
    }

    [Theory, Seeds(50)]
    public void Stored_facts_fold_into_the_same_state(int seed)
    {
        var world = World.Run(WorldPlan.From(seed), arrival: seed);

        var stored = world.Facts.Select(fact => Types.Read(Types.NameOf(fact.GetType()), JsonSerializer.SerializeToUtf8Bytes(fact, fact.GetType(), EventTypes.Json)));
        var again = Assert.IsType<Run.Ended>(stored.Cast<RunEvent>().Aggregate(Run.Kind.Initial, Run.Kind.Evolve));

        Assert.Equal(world.End.StateHash, StateHash.Of(again));
    }

    [Fact]
    public void Other_results_give_another_state()
    {
        var hashes = Enumerable.Range(1, 50).Select(seed => World.Run(WorldPlan.From(7) with { Seed = seed }, arrival: 1).End.StateHash);

        Assert.True(hashes.Distinct(StringComparer.Ordinal).Count() > 10);
    }

    private static void EndsOnce(World world, Plan plan)
    {
        Assert.Single(world.Facts.OfType<RunEvent.RunEnded>());
        Assert.All(world.End.Tasks, task => Assert.True(TaskMoves.IsEnd(task.Value.State), $"{task.Key} is left {task.Value.State}"));
        Assert.Empty(world.End.Queue);
        Assert.Equal(world.End.Tasks.Values.All(t => t.State == TaskState.Succeeded) ? RunStatus.Succeeded : RunStatus.Failed, world.End.Status);
        foreach (var task in plan.Tasks)
        {
            var ends = world.Facts.Count(f => f is RunEvent.TaskSucceeded s && s.Task == task.Id || f is RunEvent.TaskDeadLettered d && d.Task == task.Id || f is RunEvent.TaskSkipped k && k.Task == task.Id);
            Assert.True(ends == 1, $"{task.Id} ended {ends} times");
            Assert.InRange(world.End.Tasks[task.Id].Attempt, 0, task.Retry?.Attempts ?? 1);
        }
    }
}
