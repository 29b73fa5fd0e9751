using AgentPlatform.Contracts;
using AgentPlatform.Orchestrator.Plans;
using static AgentPlatform.Orchestrator.Tests.Some;

namespace AgentPlatform.Orchestrator.Tests.Plans;

public sealed class CheckPlanTests
{
    private static readonly ToolView[] Tools =
    [
        Tool("files.read", """{"type":"object","properties":{"path":{"type":"string"}},"required":["path"],"additionalProperties":false}"""),
        Tool("files.write", "{}"),
        Tool("checks.verify", "{}"),
    ];

    [Fact]
    public void A_plan_that_fits_what_exists_passes() => CheckPlan.Against(
        Plan(Reads("inputs/a.txt") with { Checks = [Json("{}")] }, Agent("files.*", "checks.verify@1")), Tools, new HashSet<string> { "inputs/a.txt" });

    [Fact]
    public void An_unknown_tool_is_named_with_the_way_to_see_the_others() =>
        Assert.Equal(
            ["task 'a' uses the tool 'files.reed', which is not registered; 'agentctl tools list' shows what is"],
            Errors(new PlanTask("a", Tool: new PlanTool("files.reed"))));

    [Fact]
    public void A_tool_of_another_version_is_not_registered() => Assert.Single(Errors(new PlanTask("a", Tool: new PlanTool("files.read@2", Json("""{"path":"x"}""")))));

    [Fact]
    public void Arguments_that_do_not_fit_the_schema_are_named()
    {
        var errors = Errors(new PlanTask("a", Tool: new PlanTool("files.read", Json("""{"paht":"x"}"""))));

        Assert.Equal(
            ["task 'a': the arguments of files.read do not fit its schema: NoAdditionalPropertiesAllowed at #/paht", "task 'a': the arguments of files.read do not fit its schema: PropertyRequired at #/path"],
            errors.Order(StringComparer.Ordinal));
    }

    [Fact]
    public void A_missing_input_file_is_named_before_anything_starts() =>
        Assert.Equal(
            ["task 'a' reads 'inputs/gone.csv', which is not among the input files; put it there, or give the folder with --input"],
            Errors(Reads("inputs/gone.csv")));

    [Fact]
    public void A_file_that_a_task_will_write_need_not_exist() => Assert.Empty(Errors(Reads("work/later.csv")));

    [Fact]
    public void A_pattern_that_no_tool_fits_is_named() =>
        Assert.Equal(
            ["task 'agent' lets its agent use 'shel.*', which matches no registered tool; 'agentctl tools list' shows what there is"],
            Errors(Agent("files.*", "shel.*")));

    [Fact]
    public void Checks_need_the_tool_that_verifies()
    {
        var refused = Assert.Throws<InvalidPlanException>(() =>
            CheckPlan.Against(Plan(Task("a") with { Tool = new PlanTool("files.write"), Checks = [Json("{}")] }), Tools[..2], new HashSet<string>()));

        Assert.Equal(["task 'a' has checks, but the tool checks.verify is not registered"], refused.Errors);
    }

    [Fact]
    public void A_task_cannot_take_the_place_of_the_one_that_verifies_the_artifacts()
    {
        var plan = Plan(Task("verify-artifacts") with { Tool = new PlanTool("files.write") }) with { Artifacts = ["out/report.md"] };
        var refused = Assert.Throws<InvalidPlanException>(() => CheckPlan.Against(plan, Tools, new HashSet<string>()));

        Assert.Contains("'verify-artifacts'", Assert.Single(refused.Errors), StringComparison.Ordinal);
    }

    private static IReadOnlyList<string> Errors(PlanTask task) =>
        Record.Exception(() => CheckPlan.Against(Plan(task), Tools, new HashSet<string>())) is InvalidPlanException refused ? refused.Errors : [];

    private static PlanTask Reads(string path) => new("a", Tool: new PlanTool("files.read", Json($$"""{"path":"{{path}}"}""")));

    private static PlanTask Agent(params string[] tools) => new("agent", Agent: new PlanAgent("scripted/x", "do it", tools));

    private static ToolView Tool(string name, string schema) => new($"{name}@1", name, "1", name, name, Json(schema), true, true, false, false, "hash");
}
