using AgentPlatform.Contracts;
using AgentPlatform.Orchestrator.Runs;
using static AgentPlatform.Contracts.TaskState;

namespace AgentPlatform.Orchestrator.Tests.Runs;

public sealed class TaskMovesTests
{
    private static readonly RequestId Request = RequestId.Parse("0199e0a4-0000-7000-8000-0000000000cc", null);

    private static readonly (TaskState To, RunEvent Fact)[] Facts =
    [
        (Assigned, new RunEvent.TaskAssigned("a", 1, "developer-1", Some.Noon)),
        (WaitingApproval, new RunEvent.TaskApprovalAsked("a", Request, "hash", Some.Noon)),
        (WaitingApproval, new RunEvent.TaskHeld("a", 1, Request, "policy asks", Some.Noon)),
        (Assigned, new RunEvent.TaskApproved("a", "owner", null, Some.Noon)),
        (Running, new RunEvent.TaskStarted("a", 1, Some.Noon)),
        (Running, new RunEvent.TaskReleased("a", 1, Some.Noon)),
        (Verifying, new RunEvent.TaskVerifying("a", 1, Some.Noon)),
        (Succeeded, new RunEvent.TaskSucceeded("a", 1, [], Some.Noon)),
        (Failed, new RunEvent.TaskFailed("a", 1, "class", "reason", Some.Noon)),
        (Retrying, new RunEvent.TaskRetrying("a", 1, "developer-1", TimeSpan.FromSeconds(1), Some.Noon)),
        (DeadLettered, new RunEvent.TaskDeadLettered("a", "reason", Some.Noon)),
        (Skipped, new RunEvent.TaskSkipped("a", "reason", Some.Noon)),
        (Cancelled, new RunEvent.TaskCancelled("a", Some.Noon)),
    ];

    public static TheoryData<TaskState> States => [.. Enum.GetValues<TaskState>()];

    [Theory]
    [MemberData(nameof(States))]
    public void A_fact_moves_a_task_where_the_table_says_and_changes_nothing_elsewhere(TaskState from)
    {
        var run = At(from);
        foreach (var (to, fact) in Facts)
        {
            var after = (Run.Active)Run.Evolve(run, fact);
            if (TaskMoves.IsLegal(from, to))
            {
                Assert.Equal((fact, to), (fact, after.Tasks["a"].State));
            }
            else
            {
                Assert.True(ReferenceEquals(run, after), $"{from} → {to} stands not in the table, and yet {fact.GetType().Name} changed the run");
            }
        }
    }

    [Fact]
    public void Every_state_is_reached_from_pending_by_legal_moves()
    {
        var reached = new HashSet<TaskState> { Pending };
        while (Next(reached) is { Count: > 0 } more)
        {
            reached.UnionWith(more);
        }

        Assert.Equal(Enum.GetValues<TaskState>().Order(), reached.Order());
    }

    [Theory]
    [MemberData(nameof(States))]
    public void A_task_that_is_at_no_end_can_still_come_to_one(TaskState from)
    {
        var reached = new HashSet<TaskState> { from };
        while (Next(reached) is { Count: > 0 } more)
        {
            reached.UnionWith(more);
        }

        Assert.Contains(reached, TaskMoves.IsEnd);
    }

    [Theory]
    [MemberData(nameof(States))]
    public void A_stop_reaches_every_task_that_is_at_no_end(TaskState from) => Assert.Equal(!TaskMoves.IsEnd(from), TaskMoves.IsLegal(from, Cancelled));

    [Theory]
    [MemberData(nameof(States))]
    public void A_task_is_at_one_of_work_wait_and_end_at_most(TaskState state) =>
        Assert.InRange(new[] { TaskMoves.IsEnd(state), TaskMoves.IsAtWork(state), TaskMoves.IsWaiting(state) }.Count(yes => yes), 0, 1);

    private static List<TaskState> Next(HashSet<TaskState> reached) =>
        [.. Enum.GetValues<TaskState>().Where(to => !reached.Contains(to) && reached.Any(from => TaskMoves.IsLegal(from, to)))];

    private static Run.Active At(TaskState state)
    {
        var run = (Run.Active)Run.Evolve(new Run.NotStarted(), Some.Started(Some.Task("a"), Some.Task("b")));
        return run with { Tasks = run.Tasks.SetItem("a", run.Tasks["a"] with { State = state, Attempt = 1, Worker = "developer-1" }), Queue = ["a", "b"] };
    }
}
