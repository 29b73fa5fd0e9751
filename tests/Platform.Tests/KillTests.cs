using AgentPlatform.Contracts;
using AgentPlatform.Platform.Tests.Stack;
using AgentPlatform.Provisioning.Files;

namespace AgentPlatform.Platform.Tests;

/// <summary>Any process may be killed at any moment: nothing is lost and nothing happens twice.</summary>
[Collection(nameof(TwoSamples))]
public sealed class KillTests(PlatformStack stack, TwoSamples undisturbed)
{
    [Theory]
    [InlineData("orchestrator", "margins")]
    [InlineData("toolgateway", "figures")]
    [InlineData("modelfabric", "analysis")]
    [InlineData("sessions", "margins")]
    [InlineData("audit", "margins")]
    [InlineData("postgres", "figures")]
    [InlineData("nats", "margins")]
    public async Task The_sample_ends_well_when_one_is_killed_in_the_middle(string victim, string whenTaskBegins)
    {
        using var folder = TemporaryFolder.Make();
        await using var agentctl = stack.Agentctl("run", Built.Sample("quarterly-report"), "--out", folder.Path, "--json");
        var id = await stack.RunOf(agentctl);
        var before = await stack.Sees(id, run => run.Task(whenTaskBegins).HasBegun() || run.HasEnded(), $"{whenTaskBegins} begins");
        Assert.False(before.HasEnded());

        var killed = stack.Family.Kill(victim);
        var ended = await stack.End(agentctl);
        Assert.True(ended.ExitCode == 0, $"{ended}{stack.Logs(PlatformStack.Services)}");
        var run = ended.Run();
        Assert.All(run.Artifacts, artifact => Assert.True(File.Exists(Path.Combine(folder.Path, artifact.Path))));
        Assert.All(run.Tasks, task => Assert.Equal(TaskState.Succeeded, task.State));
        Assert.Equal(undisturbed.First.DispatchOrder, run.DispatchOrder);
        Assert.Equal(undisturbed.First.StateHash, run.StateHash);
        Assert.Equal(undisturbed.First.Artifacts, run.Artifacts);

        await stack.Recovers(victim, killed);
        var invocations = await stack.Invocations(id);
        Assert.True(invocations.Count >= run.Tasks.Length, $"only {invocations.Count} invocations were recorded");
        Assert.All(invocations, call => Assert.Equal(1, call.Settled));
        Assert.DoesNotContain(invocations, call => call.IsUnknown);
        await stack.Until(() => stack.Audit.Parity(), report => report.Complete, "every event of every service is in Audit again");
    }

    [Fact]
    public async Task An_effect_happens_once_whoever_is_killed_and_an_unknown_outcome_is_left_to_a_human()
    {
        string[] victims = ["orchestrator", "modelfabric", "sessions", "audit", "nats", "postgres", "toolgateway"];
        var started = await stack.StartRun($"""
            name: effects
            workers: 1
            tasks:
            {string.Join('\n', victims.Select(victim => $$"""
              - id: {{victim}}
                tool:
                  name: shell.run
                  idempotent: false
                  arguments: { script: "mkdir -p work; echo x >> work/effects-{{victim}}; {{Runs.Gate(victim)}}" }
                retry: { attempts: 3 }
            """))}
            """);
        foreach (var victim in victims)
        {
            await stack.IsInside(started.Workspace, victim);
            await stack.Recovers(victim, stack.Family.Kill(victim));
            await stack.LetGo(started.Workspace, victim);
        }

        var run = await stack.Ends(started.Id);
        Assert.Equal(RunStatus.Failed, run.Status);
        foreach (var victim in victims)
        {
            Assert.Equal("x\n", await stack.Text(run.Workspace, $"work/effects-{victim}"));
            Assert.Equal(victim == "toolgateway" ? TaskState.DeadLettered : TaskState.Succeeded, run.Task(victim).State);
        }

        Assert.Contains("Whether its effect happened is unknown", run.Task("toolgateway").Reason, StringComparison.Ordinal);
        var invocations = await stack.Invocations(started.Id);
        Assert.Equal(victims.Length, invocations.Count);
        Assert.All(invocations, call => Assert.Equal(1, call.Settled));
        Assert.Single(invocations, call => call.IsUnknown);
    }
}
