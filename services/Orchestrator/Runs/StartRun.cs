using System.Text.Json;
using AgentPlatform.Contracts;
using AgentPlatform.Orchestrator.Plans;

namespace AgentPlatform.Orchestrator.Runs;

/// <summary>Begins a run of a valid plan.</summary>
/// <param name="Id">The run; the same on a retry of the same request.</param>
/// <param name="Plan">Checked by <see cref="CheckPlan"/>.</param>
/// <param name="Workspace">Its files.</param>
/// <param name="StartedBy">The principal.</param>
/// <param name="Now">The clock.</param>
/// <param name="TraceId">The distributed trace.</param>
public sealed record StartRun(RunId Id, Plan Plan, WorkspaceId Workspace, string StartedBy, DateTimeOffset Now, string? TraceId)
{
    /// <summary>The task that is added to a plan that promises artifacts.</summary>
    public const string VerifyArtifacts = "verify-artifacts";

    public static (RunEvent[] Facts, object[] Outgoing) Decide(StartRun command, Run run)
    {
        ArgumentNullException.ThrowIfNull(command);
        if (run is not Run.NotStarted)
        {
            return ([], []);
        }

        var started = new RunEvent.RunStarted(command.Id, WithVerification(command.Plan), command.Workspace, command.StartedBy, command.Now, command.TraceId);
        var active = (Run.Active)Run.Evolve(run, started);
        var (facts, outgoing) = Progress.After(active, command.Now, [], new RunStarted(command.Id, command.Plan.Name, command.Now));
        return ([started, .. facts], outgoing);
    }

    // Promised artifacts are checked like any other work: by a task of its own at the end, so that a run cannot succeed without them.
    private static Plan WithVerification(Plan plan)
    {
        if (plan.Artifacts is not { Length: > 0 } artifacts || plan.Tasks.Any(t => t.Id == VerifyArtifacts))
        {
            return plan;
        }

        var checks = artifacts.Select(path => new Dictionary<string, object> { ["file_exists"] = new Dictionary<string, object> { ["path"] = path, ["min_bytes"] = 1 } });
        var verify = new PlanTask(
            VerifyArtifacts,
            "Verify the promised artifacts",
            "document",
            Needs: [.. plan.Tasks.Select(t => t.Id)],
            Tool: new PlanTool(CheckPlan.VerifyTool, JsonSerializer.SerializeToElement(new { checks })));
        return plan with { Tasks = [.. plan.Tasks, verify] };
    }
}
