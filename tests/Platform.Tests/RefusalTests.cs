using AgentPlatform.Platform.Tests.Stack;
using AgentPlatform.Provisioning.Files;

namespace AgentPlatform.Platform.Tests;

/// <summary>A plan that cannot be run is found out before anything starts.</summary>
public sealed class RefusalTests(PlatformStack stack)
{
    private const string Write = "tool: { name: files.write, arguments: { path: work/a.txt, content: a } }";

    [Theory]
    [InlineData($"{{ id: a, needs: [ghost], {Write} }}", "ghost", "'a'")]
    [InlineData($"{{ id: a, needs: [b], {Write} }}\n  - {{ id: b, needs: [a], {Write} }}", "the tasks wait for each other", "a", "b")]
    [InlineData("{ id: a, tool: { name: files.fly, arguments: {} } }", "'files.fly', which is not registered", "agentctl tools list")]
    [InlineData("{ id: a, tool: { name: files.read, arguments: { path: inputs/missing.csv } } }", "'inputs/missing.csv', which is not among the input files", "--input")]
    [InlineData("{ id: a, tool: { name: files.write, arguments: { path: work/a.txt } } }", "the arguments of files.write do not fit its schema", "content")]
    [InlineData($"{{ id: a, {Write} ", "YAML", "line")]
    public async Task It_ends_with_2_and_names_cause_and_remedy(string tasks, params string[] named)
    {
        using var folder = TemporaryFolder.Make();
        var plan = Path.Combine(folder.Path, "plan.yaml");
        await File.WriteAllTextAsync(plan, $"name: refused\ntasks:\n  - {tasks}\n");
        var before = await stack.Orchestrator.ListRuns();

        var ended = await stack.AgentctlEnd("run", plan);
        Assert.True(ended.ExitCode == 2, ended.ToString());
        Assert.All(named, word => Assert.Contains(word, ended.Errors, StringComparison.OrdinalIgnoreCase));
        Assert.Equal(before.Items, (await stack.Orchestrator.ListRuns()).Items);
    }

    [Fact]
    public async Task A_plan_that_is_not_there_ends_with_2()
    {
        var ended = await stack.AgentctlEnd("run", "/nowhere/plan.yaml");
        Assert.True(ended.ExitCode == 2, ended.ToString());
        Assert.Contains("There is no plan /nowhere/plan.yaml; name a plan file", ended.Errors, StringComparison.Ordinal);
    }
}
