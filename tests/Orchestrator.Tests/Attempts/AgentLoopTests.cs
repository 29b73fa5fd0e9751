using AgentPlatform.Contracts;
using AgentPlatform.Orchestrator.Attempts;
using static AgentPlatform.Orchestrator.Tests.Some;

namespace AgentPlatform.Orchestrator.Tests.Attempts;

public sealed class AgentLoopTests
{
    private static readonly PlanTask Agent = new("a", Agent: new PlanAgent("scripted/writer", "Write it.", ["files.*"], StepsMax: 2));

    [Fact]
    public void An_agent_task_asks_the_model_first()
    {
        var (facts, outgoing) = BeginAttempt.Handle(Start(Agent), new Attempt.NotStarted(), Context);

        Assert.Equal(new AttemptEvent.ModelAsked(1, Noon), facts[^1]);
        Assert.Equal(new CallModel(RunA, "a", 1, 1), outgoing[^1]);
        Assert.Empty(outgoing.OfType<InvokeTool>());
    }

    [Fact]
    public void An_answer_without_tool_calls_is_the_end()
    {
        var (facts, outgoing) = AgentLoop.Answered(Asked(Agent), Says("done"), Noon);

        Assert.Equal("done", Assert.IsType<AttemptEvent.AttemptEnded>(facts[^1]).Text);
        var result = Assert.IsType<SettleAttempt>(Assert.Single(outgoing)).Result;
        Assert.Equal((true, 15L), (result.Succeeded, result.Tokens));
    }

    [Fact]
    public void Tool_calls_of_one_answer_go_out_together()
    {
        var (facts, outgoing) = AgentLoop.Answered(Asked(Agent), Wants(("c1", "files__read", """{"path":"x"}"""), ("c2", "files__write", "")), Noon);

        Assert.Equal([("c1", "files.read"), ("c2", "files.write")], facts.OfType<AttemptEvent.ToolWanted>().Select(f => (f.CallId!, f.Tool)));
        Assert.Equal(["""{"path":"x"}""", "{}"], outgoing.Cast<InvokeTool>().Select(m => m.Arguments.GetRawText()));
        Assert.All(outgoing.Cast<InvokeTool>(), call => Assert.False(call.Idempotent));
        Assert.Equal(2, outgoing.Cast<InvokeTool>().Select(m => m.Invocation).Distinct().Count());
    }

    [Fact]
    public void The_model_is_asked_again_when_the_last_of_its_calls_has_settled()
    {
        var wanted = AgentLoop.Answered(Asked(Agent), Wants(("c1", "files__read", "{}"), ("c2", "files__read", "{}")), Noon).Facts;
        var ids = wanted.OfType<AttemptEvent.ToolWanted>().Select(f => f.Invocation).ToList();
        var open = Spec.Given([.. Begun(Agent), .. wanted]);

        var first = WhenToolCallSettled.Handle(Settled(ids[1]), open.State, Context);
        Assert.Empty(first.Outgoing);

        var both = first.Facts.Aggregate(open.State, Attempt.Evolve);
        var (facts, outgoing) = WhenToolCallSettled.Handle(Settled(ids[0]), both, Context);
        Assert.Equal(new AttemptEvent.ModelAsked(2, Noon), facts[^1]);
        Assert.Equal(new CallModel(RunA, "a", 1, 2), Assert.Single(outgoing));
    }

    [Fact]
    public void Results_stand_in_the_conversation_in_the_order_of_the_calls_whatever_the_order_they_came_in()
    {
        var wanted = AgentLoop.Answered(Asked(Agent), Wants(("c1", "files__read", "{}"), ("c2", "files__read", "{}")), Noon).Facts;
        var ids = wanted.OfType<AttemptEvent.ToolWanted>().Select(f => f.Invocation).ToList();

        string Told(params InvocationId[] order)
        {
            var state = Spec.Given([.. Begun(Agent), .. wanted]).State;
            foreach (var id in order)
            {
                state = WhenToolCallSettled.Handle(Settled(id), state, Context).Facts.Aggregate(state, Attempt.Evolve);
            }

            return Conversation.Request((Attempt.Working)state, []).ToJsonString();
        }

        Assert.Equal(Told(ids[0], ids[1]), Told(ids[1], ids[0]));
        Assert.Contains("\"tool_call_id\":\"c1\"", Told(ids[0], ids[1]), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("shell__run", "{}", "not_granted")]
    [InlineData("files__read", "{\"path\":", "invalid_arguments")]
    [InlineData("files__read", "[1]", "invalid_arguments")]
    public void A_call_that_may_not_be_made_is_answered_to_the_model_and_never_sent(string name, string arguments, string refused)
    {
        var (facts, outgoing) = AgentLoop.Answered(Asked(Agent), Wants(("c1", name, arguments)), Noon);

        Assert.Equal(refused, Assert.Single(facts.OfType<AttemptEvent.ToolSettled>()).Outcome.Error?.Class);
        Assert.Equal(new CallModel(RunA, "a", 1, 2), Assert.Single(outgoing));
        var request = Conversation.Request((Attempt.Working)Spec.Given([.. Begun(Agent), .. facts]).State, []).ToJsonString();
        Assert.Contains(refused, request, StringComparison.Ordinal);
    }

    [Fact]
    public void An_agent_without_tools_may_call_none()
    {
        var bare = Agent with { Agent = Agent.Agent! with { Tools = null } };

        Assert.Empty(AgentLoop.Answered(Asked(bare), Wants(("c1", "files__read", "{}")), Noon).Outgoing.OfType<InvokeTool>());
    }

    [Fact]
    public void An_agent_that_does_not_finish_within_its_steps_fails()
    {
        var state = Asked(Agent) with { AskedStep = 2 };

        var result = Result(AgentLoop.Answered(state, Wants(("c1", "shell__run", "{}")) with { Step = 2 }, Noon));

        Assert.Equal(("steps_max", "the agent did not finish within 2 steps; raise 'agent.stepsMax' or make the task smaller", false), (result.Class, result.Reason, result.Retryable));
    }

    [Fact]
    public void An_agent_that_used_more_tokens_than_it_may_is_stopped_before_its_tools_run()
    {
        var poor = Agent with { Budget = new PlanBudget(Tokens: 14) };
        var decision = AgentLoop.Answered(Asked(poor), Wants(("c1", "files__read", "{}")), Noon);

        Assert.Equal(("budget", "the task used 15 of 14 tokens; raise 'budget.tokens' if that is right"), (Result(decision).Class, Result(decision).Reason));
        Assert.Empty(decision.Outgoing.OfType<InvokeTool>());
    }

    [Fact]
    public void A_budget_that_is_used_up_to_the_last_token_is_kept() =>
        Assert.True(Result(AgentLoop.Answered(Asked(Agent with { Budget = new PlanBudget(Tokens: 15) }), Says("done"), Noon)).Succeeded);

    [Fact]
    public void An_agent_that_wants_more_tool_calls_than_it_may_make_is_stopped()
    {
        var decision = AgentLoop.Answered(Asked(Agent with { Budget = new PlanBudget(ToolCalls: 1) }), Wants(("c1", "files__read", "{}"), ("c2", "files__read", "{}")), Noon);

        Assert.Equal("budget", Result(decision).Class);
        Assert.Empty(decision.Outgoing.OfType<InvokeTool>());
    }

    [Fact]
    public void An_answer_with_too_many_calls_is_refused_whole()
    {
        var flood = Enumerable.Range(0, AgentLoop.CallsPerStepMax + 1).Select(n => ($"c{n}", "files__read", "{}")).ToArray();

        Assert.Empty(AgentLoop.Answered(Asked(Agent), Wants(flood), Noon).Outgoing.OfType<InvokeTool>());
    }

    [Fact]
    public void A_long_result_is_cut_for_the_model_and_says_so()
    {
        var wanted = AgentLoop.Answered(Asked(Agent), Wants(("c1", "files__read", "{}")), Noon).Facts;
        var id = wanted.OfType<AttemptEvent.ToolWanted>().Single().Invocation;
        var state = Spec.Given([.. Begun(Agent), .. wanted, new AttemptEvent.ToolSettled(1, id, Outcome(new string('x', Conversation.ResultCharactersMax + 100)), Noon)]).State;

        var content = Conversation.Request((Attempt.Working)state, [])["messages"]![3]!["content"]!.GetValue<string>();

        Assert.InRange(content.Length, Conversation.ResultCharactersMax, Conversation.ResultCharactersMax + 100);
        Assert.Contains("characters left out; ask for a part", content, StringComparison.Ordinal);
    }

    [Fact]
    public void Work_of_an_agent_is_verified_like_any_other()
    {
        var (facts, outgoing) = AgentLoop.Answered(Asked(Agent with { Checks = [Json("{}")] }), Says("done"), Noon);

        Assert.IsType<AttemptEvent.ChecksWanted>(facts[^1]);
        Assert.Empty(outgoing.OfType<SettleAttempt>());
    }

    [Fact]
    public void The_tools_are_told_to_the_model_by_names_it_takes_and_in_one_order()
    {
        ToolView[] tools = [View("files.write"), View("files.read")];
        var request = Conversation.Request(Asked(Agent), tools);

        Assert.Equal(["files__read", "files__write"], request["tools"]!.AsArray().Select(t => t!["function"]!["name"]!.GetValue<string>()));
        Assert.Equal(request.ToJsonString(), Conversation.Request(Asked(Agent), tools.Reverse()).ToJsonString());
    }

    private static ToolView View(string name) => new($"{name}@1", name, "1", name, name, Json("{}"), true, true, false, false, "hash");

    private static AttemptEvent[] Begun(PlanTask task) => BeginAttempt.Handle(Start(task), new Attempt.NotStarted(), Context).Facts;

    private static Attempt.Working Asked(PlanTask task) => (Attempt.Working)Spec.Given(Begun(task)).State;

    private static AttemptEvent.ModelAnswered Says(string text) => new(1, text, [], 10, 5, "stop", Noon);

    private static AttemptEvent.ModelAnswered Wants(params (string Id, string Name, string Arguments)[] calls) =>
        new(1, null, [.. calls.Select(c => new ModelToolCall(c.Id, c.Name, c.Arguments))], 10, 5, "tool_calls", Noon);

    private static ToolCallSettled Settled(InvocationId id) => new(id, RunA, "a", 1, Outcome(id.ToString()));

    private static ToolOutcome Outcome(string text) => new(ToolOutcomeStatus.Completed, System.Text.Json.JsonSerializer.SerializeToElement(new { text }), [], null, 1);

    private static AgentPlatform.Orchestrator.Runs.AttemptResult Result((AttemptEvent[] Facts, object[] Outgoing) decision) => decision.Outgoing.OfType<SettleAttempt>().Single().Result;
}
