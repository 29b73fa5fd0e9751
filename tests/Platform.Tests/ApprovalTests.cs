using AgentPlatform.Contracts;
using AgentPlatform.Platform.Tests.Stack;
using AgentPlatform.Provisioning.Files;

namespace AgentPlatform.Platform.Tests;

/// <summary>A run that stops for a human.</summary>
public sealed class ApprovalTests(PlatformStack stack)
{
    [Fact]
    public async Task It_waits_through_a_kill_of_those_who_wait_and_goes_on_after_the_yes()
    {
        using var folder = TemporaryFolder.Make();
        await using var agentctl = stack.Agentctl("run", Built.Sample("approval"), "--out", folder.Path, "--json");
        var (id, request) = await Waits(agentctl);

        var (orchestrator, sessions) = (stack.Family.Kill(ServiceNames.Orchestrator), stack.Family.Kill(ServiceNames.Sessions));
        await stack.Recovers(ServiceNames.Orchestrator, orchestrator);
        await stack.Recovers(ServiceNames.Sessions, sessions);
        var still = (await stack.Orchestrator.GetRun(id)).Task("publish");
        Assert.Equal((TaskState.WaitingApproval, request), (still.State, still.Request));
        var pending = await stack.AgentctlEnd("requests", "list");
        Assert.Contains(request.ToString(), pending.Output, StringComparison.Ordinal);

        var approved = await stack.AgentctlEnd("requests", "approve", request.ToString());
        Assert.True(approved.ExitCode == 0, approved.ToString());
        var ended = await stack.End(agentctl);
        Assert.True(ended.ExitCode == 0, ended.ToString());
        Assert.StartsWith("# Office closed on Friday", await File.ReadAllTextAsync(Path.Combine(folder.Path, "out/announcement.md")), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_no_ends_the_run_with_1_and_the_reason()
    {
        await using var agentctl = stack.Agentctl("run", Built.Sample("approval"), "--json");
        var (id, request) = await Waits(agentctl);
        var denied = await stack.AgentctlEnd("requests", "deny", request.ToString(), "--comment", "not before the works council agrees");
        Assert.True(denied.ExitCode == 0, denied.ToString());

        var ended = await stack.End(agentctl);
        Assert.True(ended.ExitCode == 1, ended.ToString());
        Assert.Equal(RunStatus.Failed, ended.Run().Status);
        Assert.Contains("not before the works council agrees", ended.Run().Task("publish").Reason, StringComparison.Ordinal);
        Assert.False(await stack.Has(ended.Run().Workspace, "out/announcement.md"), "what was denied was done all the same");

        var late = await stack.AgentctlEnd("requests", "approve", request.ToString());
        Assert.True(late.ExitCode == 2, late.ToString());
        Assert.Equal(RunStatus.Failed, (await stack.Orchestrator.GetRun(id)).Status);
    }

    [Fact]
    public async Task A_yes_with_other_arguments_deletes_the_other_file_and_a_yes_for_the_run_asks_no_more()
    {
        using var folder = TemporaryFolder.Make();
        var plan = Path.Combine(folder.Path, "plan.yaml");
        await File.WriteAllTextAsync(plan, """
            name: tidy
            tasks:
              - { id: make, tool: { name: shell.run, arguments: { script: touch one two three } } }
              - { id: publish, needs: [make], tool: { name: files.delete, arguments: { path: one } } }
              - { id: after, needs: [publish], tool: { name: files.delete, arguments: { path: three } } }
            """);
        await using var agentctl = stack.Agentctl("run", plan, "--json");
        var (_, request) = await Waits(agentctl);

        var approved = await stack.AgentctlEnd("requests", "approve", request.ToString(), "--arguments", """{"path":"two"}""", "--remember", "run");

        Assert.True(approved.ExitCode == 0, approved.ToString());
        var ended = await stack.End(agentctl);
        Assert.True(ended.ExitCode == 0, ended.ToString());
        var left = (await stack.ToolGateway.ListFiles(ended.Run().Workspace)).Items.Select(f => f.Path);
        Assert.Equal(["one"], left);
        var grants = await stack.AgentctlEnd("grants", "list");
        Assert.Contains("files.delete", grants.Output, StringComparison.Ordinal);
    }

    private async Task<(RunId Run, RequestId Request)> Waits(RunningProgram agentctl)
    {
        var id = await stack.RunOf(agentctl);
        var run = await stack.Sees(id, run => run.Task("publish").State == TaskState.WaitingApproval, "publish waits for a human");
        var request = run.Task("publish").Request!.Value;
        await stack.Until(() => stack.Client(ServiceNames.Sessions).GetAsync($"v1/requests/{request}"), answer => answer.IsSuccessStatusCode, "the request is in the inbox");
        return (id, request);
    }
}
