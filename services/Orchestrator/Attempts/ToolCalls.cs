using System.Text.Json;
using AgentPlatform.Contracts;
using AgentPlatform.Orchestrator.Plans;

namespace AgentPlatform.Orchestrator.Attempts;

/// <summary>Tool calls of an attempt: their ids follow from where they stand, so that a repeated decision asks for the same call.</summary>
internal static class ToolCalls
{
    public static readonly JsonElement NoArguments = JsonSerializer.SerializeToElement(new { });

    public static InvocationId Id(AttemptEvent.AttemptStarted about, int step, int n) =>
        new(DerivedId.Of(about.Run.ToString(), about.Task, about.Attempt.ToString(), step.ToString(), n.ToString()));

    public static InvokeTool Invoke(AttemptEvent.AttemptStarted about, AttemptEvent.ToolWanted wanted, bool idempotent) => new(
        wanted.Invocation, about.Workspace, about.Run, about.Task, about.Attempt, wanted.Tool, wanted.Arguments, $"run/{about.Run}", about.Role, idempotent,
        (about.Plan.Timeout ?? BeginAttempt.TimeoutDefault).TotalSeconds);

    public static (AttemptEvent.ChecksWanted Fact, InvokeTool Message) Checks(AttemptEvent.AttemptStarted about, DateTimeOffset now)
    {
        var id = Id(about, -1, 0);
        var arguments = JsonSerializer.SerializeToElement(new { checks = about.Plan.Checks });
        return (
            new AttemptEvent.ChecksWanted(id, now),
            new InvokeTool(id, about.Workspace, about.Run, about.Task, about.Attempt, CheckPlan.VerifyTool, arguments, $"run/{about.Run}", about.Role, Idempotent: true, TimeoutSeconds: null));
    }
}
