using AgentPlatform.Contracts;
using AgentPlatform.Platform.Tests.Stack;

namespace AgentPlatform.Platform.Tests;

/// <summary>Pause, resume and stop, from the command line.</summary>
public sealed class SteeringTests(PlatformStack stack)
{
    private static string Plan(string gate) => $$"""
        name: steered
        tasks:
          - { id: first, tool: { name: shell.run, arguments: { script: "{{Runs.Gate(gate)}}" } } }
          - { id: second, needs: [first], tool: { name: files.write, arguments: { path: work/second.txt, content: a } } }
        """;

    [Fact]
    public async Task A_paused_run_finishes_what_runs_and_dispatches_the_rest_only_when_resumed()
    {
        var run = await stack.StartRun(Plan("paused"));
        await stack.IsInside(run.Workspace, "paused");
        await Agentctl("pause", run.Id);
        await stack.LetGo(run.Workspace, "paused");
        var paused = await stack.Sees(run.Id, seen => seen.Task("first").State == TaskState.Succeeded, "the task that ran is done");
        Assert.Equal(RunStatus.Paused, paused.Status);
        Assert.False(paused.Task("second").HasBegun());

        await Agentctl("resume", run.Id);
        Assert.Equal(RunStatus.Succeeded, (await stack.Ends(run.Id)).Status);
        var events = (await stack.Orchestrator.ListEvents(run.Id, limit: 1000)).Items.ToList();
        var resumed = events.FindIndex(e => e.Type == "run-resumed.1");
        var assigned = events.FindIndex(e => e.Type == "task-assigned.1" && e.Data.GetProperty("task").GetString() == "second");
        Assert.True(resumed >= 0 && assigned > resumed, "the second task was dispatched before the run was resumed");
    }

    [Fact]
    public async Task A_stopped_run_cancels_what_runs_and_never_starts_the_rest()
    {
        var run = await stack.StartRun(Plan("stopped"));
        await stack.IsInside(run.Workspace, "stopped");
        await Agentctl("stop", run.Id);
        var stopped = await stack.Ends(run.Id);
        Assert.Equal(RunStatus.Stopped, stopped.Status);
        Assert.All(stopped.Tasks, task => Assert.Equal(TaskState.Cancelled, task.State));
        Assert.Equal(1, (await stack.AgentctlEnd("runs", "watch", run.Id.ToString())).ExitCode);

        await stack.Until(() => stack.Invocations(run.Id), calls => calls.Count == 1 && calls[0].Settled == 1, "the tool call is settled");
        Assert.DoesNotContain(System.Diagnostics.Process.GetProcesses(), process => Family.Text(process.Id, "cmdline").Contains("inside-stopped", StringComparison.Ordinal));
        Assert.False(await stack.Has(run.Workspace, "work/second.txt"));
    }

    private async Task Agentctl(string what, RunId run)
    {
        var ended = await stack.AgentctlEnd("runs", what, run.ToString());
        Assert.True(ended.ExitCode == 0, ended.ToString());
    }
}
