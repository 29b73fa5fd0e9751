using AgentPlatform.AppHost.Commands;
using AgentPlatform.AppHost.Launch;
using AgentPlatform.AppHost.Model;
using AgentPlatform.Provisioning;
using AgentPlatform.Provisioning.Processes;

namespace AgentPlatform.AppHost.Stack;

/// <summary>Runs a plan with <c>agentctl</c>, which owns the terminal while it does.</summary>
internal static class RunPlan
{
    /// <summary>Ctrl-C at a terminal reaches agentctl too; it may end by itself for this long before it is told to.</summary>
    private static readonly TimeSpan OwnEndTimeout = TimeSpan.FromSeconds(3);

    /// <summary>Found before anything is started, so that a missing build costs nobody a start of the stack.</summary>
    public static string FindAgentctl(string? named)
    {
        var program = named ?? BuiltProject.Find(new Projects.Cli());
        return File.Exists(program) ? program : throw new ProgramMissingException($"agentctl is not built: {program} is missing. Build it with: dotnet build services/Cli");
    }

    /// <summary>The exit code of agentctl.</summary>
    public static async Task<int> Run(string agentctl, PlanToRun plan, string dataFolder, CancellationToken stopping)
    {
        string[] options = [.. Given("--out", plan.Out), .. Given("--input", plan.Input)];
        await using var child = ChildProcess.Start(new ChildProcessStart(DotnetHost.Path, ["exec", agentctl, "run", plan.Plan, .. options])
        {
            InheritTerminal = true,
            Environment = new Dictionary<string, string?> { ["AGENTPLATFORM_DATA"] = dataFolder },
        });
        var stopped = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var registration = stopping.Register(stopped.SetResult);
        await Task.WhenAny(child.Exited, stopped.Task);
        if (child.IsRunning)
        {
            await Task.WhenAny(child.Exited, Task.Delay(OwnEndTimeout, CancellationToken.None));
            await child.StopAsync();
        }

        return await child.Exited;
    }

    private static string[] Given(string option, string? value) => value is null ? [] : [option, value];
}
