using System.Text.Json;

namespace AgentPlatform.Contracts;

/// <summary>A plan as its author wrote it; <c>schemas/plan.schema.json</c> is the form, this is the content.</summary>
/// <param name="Name">Kebab-case name.</param>
/// <param name="Tasks">At least one task; order matters where nothing else decides.</param>
/// <param name="Title">One line for people.</param>
/// <param name="Description">More, in Markdown.</param>
/// <param name="Workers">Tasks that may run at the same time, 1 to 64; 4 when absent.</param>
/// <param name="Order">How settled tasks make way for new ones; <see cref="DispatchOrder.Deterministic"/> when absent.</param>
/// <param name="Artifacts">Workspace paths that are the product of the run; they must exist for the run to succeed.</param>
public sealed record Plan(
    string Name,
    PlanTask[] Tasks,
    string? Title = null,
    string? Description = null,
    int? Workers = null,
    DispatchOrder? Order = null,
    string[]? Artifacts = null);

/// <summary>How settled tasks make way for new ones.</summary>
public enum DispatchOrder
{
    /// <summary>Results are taken in the order the tasks were dispatched, so equal results give an equal order whatever the timing.</summary>
    Deterministic,

    /// <summary>Results are taken as they come: no task waits behind a slow neighbour, the order depends on timing.</summary>
    Eager,
}

/// <summary>One task of a plan: exactly one of <see cref="Tool"/> and <see cref="Agent"/>.</summary>
/// <param name="Id">Unique within the plan; letters, digits, '-' and '_', at most 64.</param>
/// <param name="Title">One line for people.</param>
/// <param name="Role">developer, browser, document, multimodal or a custom worker.</param>
/// <param name="Needs">Tasks that must have succeeded before.</param>
/// <param name="Tool">A deterministic call.</param>
/// <param name="Agent">A loop of model and tools.</param>
/// <param name="Checks">Acceptance checks: each an object with one property that names the check.</param>
/// <param name="Retry">What to do about a failure that may pass; one attempt when absent.</param>
/// <param name="Timeout">Upper bound of one attempt, <c>hh:mm:ss</c>; 10 minutes when absent.</param>
/// <param name="Approval">A human is asked before the task starts.</param>
/// <param name="Budget">Upper bounds for the task.</param>
/// <param name="Priority">Higher goes first; 0 when absent.</param>
public sealed record PlanTask(
    string Id,
    string? Title = null,
    string? Role = null,
    string[]? Needs = null,
    PlanTool? Tool = null,
    PlanAgent? Agent = null,
    JsonElement[]? Checks = null,
    PlanRetry? Retry = null,
    TimeSpan? Timeout = null,
    PlanApproval? Approval = null,
    PlanBudget? Budget = null,
    int? Priority = null);

/// <summary>A deterministic call of one tool.</summary>
/// <param name="Name"><c>server.tool</c> or <c>server.tool@version</c>.</param>
/// <param name="Arguments">A JSON object.</param>
/// <param name="Idempotent">The author declares that running it again is harmless; then an unknown outcome is tried again instead of asking a human.</param>
public sealed record PlanTool(string Name, JsonElement? Arguments = null, bool? Idempotent = null);

/// <summary>A loop of model calls and tool calls until the model answers without a tool call.</summary>
/// <param name="Model"><c>provider/model</c>.</param>
/// <param name="Prompt">What is to be done.</param>
/// <param name="Tools">Tools the agent may call; glob patterns such as <c>files.*</c> are allowed.</param>
/// <param name="System">Replaces the role's own system prompt.</param>
/// <param name="StepsMax">Model calls at most, 1 to 200; 20 when absent.</param>
public sealed record PlanAgent(string Model, string Prompt, string[]? Tools = null, string? System = null, int? StepsMax = null);

/// <summary>How often and how fast a failed task is tried again.</summary>
/// <param name="Attempts">All attempts together, 1 to 10.</param>
/// <param name="Delay">Before the second attempt, doubled each time; 1 s when absent.</param>
/// <param name="DelayMax">Upper bound of the delay; 1 minute when absent.</param>
public sealed record PlanRetry(int Attempts, TimeSpan? Delay = null, TimeSpan? DelayMax = null);

/// <summary>A human is asked before the task starts.</summary>
/// <param name="Title">The question; the task's title when absent.</param>
/// <param name="Detail">What the human should know; Markdown.</param>
/// <param name="ExpiresAfter">When silence becomes a no; never when absent.</param>
public sealed record PlanApproval(string? Title = null, string? Detail = null, TimeSpan? ExpiresAfter = null);

/// <summary>Upper bounds; what is absent is not bounded here.</summary>
/// <param name="Tokens">Model tokens, input and output together.</param>
/// <param name="ToolCalls">Tool calls.</param>
public sealed record PlanBudget(long? Tokens = null, int? ToolCalls = null);
