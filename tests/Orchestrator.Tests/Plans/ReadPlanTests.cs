using System.Text.Json;
using AgentPlatform.Contracts;
using AgentPlatform.Orchestrator.Plans;

namespace AgentPlatform.Orchestrator.Tests.Plans;

public sealed class ReadPlanTests
{
    [Fact]
    public void Yaml_and_json_of_the_same_plan_are_the_same_plan()
    {
        var fromYaml = Yaml("""
            name: two-steps
            workers: 3
            order: eager
            tasks:
              - id: fetch
                tool: { name: files.read, arguments: { path: inputs/a.txt, lines: 10, exact: true, ratio: 0.5, nothing: ~, quoted: "10" } }
                timeout: "00:01:30"
              - { id: write, needs: [fetch], agent: { model: scripted/writer, prompt: Write., tools: ["files.*"] } }
            """);
        var fromJson = ReadPlan.From(Some.Json("""
            {"name":"two-steps","workers":3,"order":"eager","tasks":[
             {"id":"fetch","tool":{"name":"files.read","arguments":{"path":"inputs/a.txt","lines":10,"exact":true,"ratio":0.5,"nothing":null,"quoted":"10"}},"timeout":"00:01:30"},
             {"id":"write","needs":["fetch"],"agent":{"model":"scripted/writer","prompt":"Write.","tools":["files.*"]}}]}
            """));

        Assert.Equal(JsonSerializer.Serialize(fromJson, ContractJson.Options), JsonSerializer.Serialize(fromYaml, ContractJson.Options));
        Assert.Equal((TimeSpan.FromSeconds(90), DispatchOrder.Eager, 3), (fromYaml.Tasks[0].Timeout, fromYaml.Order, fromYaml.Workers));
    }

    [Fact]
    public void Broken_yaml_is_named_with_line_and_column()
    {
        var error = Refused("name: x\ntasks:\n  - id: a\n    tool: { name: files.read\n");

        Assert.StartsWith("The plan is no valid YAML: line 5, column 1: ", error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("name: p\ntasks: [ { id: a, tol: { name: files.read }, tool: { name: files.read } } ]", "task 'a'.tol: unknown property 'tol'; allowed are id, title, role, needs, tool")]
    [InlineData("name: p\ntitel: x\ntasks: [ { id: a, tool: { name: files.read } } ]", "titel: unknown property 'titel'; allowed are name, title")]
    [InlineData("tasks: [ { id: a, tool: { name: files.read } } ]", "name: 'name' is missing")]
    [InlineData("name: p\ntasks: [ { title: x, tool: { name: files.read } } ]", "tasks[0].id: 'id' is missing")]
    [InlineData("name: p\ntasks: [ { id: a, tool: { arguments: {} } } ]", "task 'a'.tool.name: 'name' is missing")]
    [InlineData("name: p\ntasks: [ { id: a } ]", "task 'a': a task has exactly one of 'tool' and 'agent'")]
    [InlineData("name: p\ntasks: [ { id: a, tool: { name: files.read }, agent: { model: s/m, prompt: x } } ]", "task 'a': a task has exactly one of 'tool' and 'agent'")]
    [InlineData("name: Not Kebab\ntasks: [ { id: a, tool: { name: files.read } } ]", "name: does not have the form ^[a-z0-9]")]
    [InlineData("name: p\nworkers: 65\ntasks: [ { id: a, tool: { name: files.read } } ]", "workers: number too big")]
    [InlineData("name: p\ntasks: []", "tasks: too few items")]
    public void A_plan_of_the_wrong_form_is_refused_where_it_is_wrong(string yaml, string expected) => Assert.Contains(expected, Refused(yaml), StringComparison.Ordinal);

    [Theory]
    [InlineData("5 minutes")]
    [InlineData("00:90")]
    [InlineData("24:00:00")]
    [InlineData("00:60:00")]
    [InlineData("00:00:61")]
    [InlineData("9999.00:00:00")]
    public void A_duration_that_is_none_is_refused(string timeout)
    {
        var error = Refused($"name: p\ntasks: [ {{ id: a, tool: {{ name: files.read }}, timeout: \"{timeout}\" }} ]");

        Assert.Contains("timeout", error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("00:00:05", 5)]
    [InlineData("01:00:00", 3600)]
    [InlineData("2.00:00:00", 172800)]
    [InlineData("00:00:00.5", 0.5)]
    public void A_duration_is_read_as_hours_minutes_seconds(string timeout, double seconds) =>
        Assert.Equal(TimeSpan.FromSeconds(seconds), Yaml($"name: p\ntasks: [ {{ id: a, tool: {{ name: files.read }}, timeout: \"{timeout}\" }} ]").Tasks[0].Timeout);

    [Fact]
    public void A_number_that_no_plan_can_hold_is_refused_like_any_other_mistake() =>
        Assert.Contains("tasks[0].budget.tokens", Refused("name: p\ntasks: [ { id: a, tool: { name: files.read }, budget: { tokens: 99999999999999999999 } } ]"), StringComparison.Ordinal);

    [Fact]
    public void Everything_that_is_wrong_is_said_at_once()
    {
        var refused = Assert.Throws<InvalidPlanException>(() => Yaml("tasks: [ { id: a, tool: { name: files.read }, colour: red }, { id: b } ]"));

        Assert.Equal(3, refused.Errors.Count);
    }

    [Fact]
    public void A_plan_that_is_too_large_is_refused() =>
        Assert.Contains("Move large texts into input files", Refused($"name: p\ndescription: {new string('x', ReadPlan.CharactersMax)}"), StringComparison.Ordinal);

    [Fact]
    public void Aliases_that_stand_for_an_enormous_tree_are_refused()
    {
        var lines = new List<string> { "l0: &l0 [x, x, x, x, x, x, x, x, x, x]" };
        lines.AddRange(Enumerable.Range(1, 9).Select(n => $"l{n}: &l{n} [{string.Join(", ", Enumerable.Repeat($"*l{n - 1}", 10))}]"));

        Assert.Contains("more than 100000 values", Refused(string.Join('\n', lines)), StringComparison.Ordinal);
    }

    [Fact]
    public void A_value_that_holds_itself_is_refused() => Assert.Contains("deep", Refused("name: &a [*a]"), StringComparison.Ordinal);

    [Theory]
    [InlineData('[')]
    [InlineData('{')]
    public void Endless_nesting_is_refused_before_it_exhausts_the_stack(char bracket) =>
        Assert.Contains("deep", Refused($"name: {new string(bracket, 200_000)}"), StringComparison.Ordinal);

    [Theory]
    [InlineData("- just\n- a list")]
    [InlineData("just text")]
    public void What_is_no_mapping_is_refused(string yaml) => Assert.Equal("A plan is a mapping with 'name' and 'tasks'", Refused(yaml));

    [Fact]
    public void Two_documents_are_refused() => Assert.Equal("A plan is one YAML document; this text holds 2", Refused("name: a\n---\nname: b\n"));

    [Fact]
    public void A_number_is_no_plan() => Assert.Equal(
        "'plan' is a JSON object or a string that holds YAML or JSON, not a number", Assert.Throws<InvalidPlanException>(() => ReadPlan.From(Some.Json("7"))).Message);

    [Fact]
    public void A_member_that_stands_twice_in_json_is_refused() =>
        Assert.Contains("name", Assert.Throws<InvalidPlanException>(() => ReadPlan.From(Some.Json("""{"name":"a","name":"b","tasks":[]}"""))).Message, StringComparison.Ordinal);

    private static Plan Yaml(string text) => ReadPlan.From(JsonSerializer.SerializeToElement(text));

    private static string Refused(string yaml) => Assert.Throws<InvalidPlanException>(() => Yaml(yaml)).Message;
}
