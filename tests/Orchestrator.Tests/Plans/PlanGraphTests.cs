using AgentPlatform.Contracts;
using AgentPlatform.Orchestrator.Plans;
using static AgentPlatform.Orchestrator.Tests.Some;

namespace AgentPlatform.Orchestrator.Tests.Plans;

public sealed class PlanGraphTests
{
    [Fact]
    public void A_sound_plan_has_nothing_wrong() => Assert.Empty(PlanGraph.Check(Plan(Task("a"), Task("b", "a"), Task("c", "a", "b"))));

    [Fact]
    public void An_id_that_is_declared_twice_is_named() =>
        Assert.Equal(["task 'a' is declared 2 times; ids are unique"], PlanGraph.Check(Plan(Task("a"), Task("b"), Task("a"))));

    [Fact]
    public void An_unknown_need_is_named_with_the_nearest_task() =>
        Assert.Equal(
            ["task 'report' needs 'sum-sale', which is no task of this plan; did you mean 'sum-sales'?"],
            PlanGraph.Check(Plan(Task("sum-sales"), Task("sum-costs"), Task("report", "sum-sale"))));

    [Fact]
    public void A_circle_is_named_task_by_task()
    {
        var error = Assert.Single(PlanGraph.Check(Plan(Task("free"), Task("a", "free", "c"), Task("b", "a"), Task("c", "b"), Task("behind", "c"))));

        Assert.Matches("^the tasks wait for each other in a circle: (a → c → b → a|c → b → a → c|b → a → c → b); remove one of these needs$", error);
    }

    [Fact]
    public void A_task_that_needs_itself_is_a_circle() => Assert.Contains("a → a", Assert.Single(PlanGraph.Check(Plan(Task("a", "a")))), StringComparison.Ordinal);

    [Fact]
    public void Ready_tasks_go_by_priority_then_depth_then_declaration()
    {
        PlanTask[] tasks = [Task("deep", "second"), Task("first"), Task("second"), Task("urgent", "first") with { Priority = 5 }, Task("later") with { Priority = -1 }];

        Assert.Equal(["urgent", "first", "second", "deep", "later"], PlanGraph.Of(Plan(tasks)).Ids);
    }

    [Fact]
    public void A_chain_of_a_thousand_tasks_does_not_exhaust_the_stack()
    {
        // Declared from the last to the first, so that the first question for a depth walks the whole chain.
        PlanTask[] chain = [.. Enumerable.Range(0, 1_000).Reverse().Select(n => n == 0 ? Task("t0") : Task($"t{n}", $"t{n - 1}"))];

        Assert.Empty(PlanGraph.Check(Plan(chain)));
        Assert.Equal(Enumerable.Range(0, 1_000).Select(n => $"t{n}"), PlanGraph.Of(Plan(chain)).Ids);
    }
}
