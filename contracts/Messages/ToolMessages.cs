using System.Text.Json;

namespace AgentPlatform.Contracts;

/// <summary>Asks ToolGateway to run a tool once for this invocation id; told twice it answers with what happened the first time.</summary>
/// <param name="Invocation">The id of the call.</param>
/// <param name="Workspace">The folder the tool may work in.</param>
/// <param name="Run">The run it belongs to, if any.</param>
/// <param name="Task">The task of that run.</param>
/// <param name="Attempt">The attempt of that task, from 1; the fencing token of its result.</param>
/// <param name="Tool"><c>server.tool</c> or <c>server.tool@version</c>.</param>
/// <param name="Arguments">A JSON object that fits the tool's input schema.</param>
/// <param name="Principal">On whose behalf: <c>run/&lt;id&gt;</c>, a user, another service.</param>
/// <param name="Role">The worker role that calls, for policy.</param>
/// <param name="Idempotent">The plan's author declares that running this call again is harmless.</param>
/// <param name="TimeoutSeconds">Upper bound for the tool; the tool's own when absent.</param>
/// <param name="Client">What the program that made the call can do for the tool while it runs; nothing when absent.</param>
[Command(ServiceNames.ToolGateway, "invoke-tool")]
public sealed record InvokeTool(
    InvocationId Invocation,
    WorkspaceId Workspace,
    RunId? Run,
    string? Task,
    int Attempt,
    string Tool,
    JsonElement Arguments,
    string Principal,
    string Role,
    bool Idempotent,
    double? TimeoutSeconds,
    ToolClient? Client = null) : ICommand;

/// <summary>A program that listens while its call runs, and may be asked something on behalf of the tool.</summary>
/// <param name="Capabilities">As the program declared them in the Model Context Protocol: <c>elicitation</c>, <c>sampling</c>, <c>roots</c>.</param>
/// <param name="LogLevel">The least serious log lines it wants to hear, in the words of that protocol; none when absent.</param>
public sealed record ToolClient(JsonElement Capabilities, string? LogLevel);

/// <summary>Asks ToolGateway to stop a call that nobody waits for any more; a call that already ended stays as it is.</summary>
/// <param name="Invocation">The id of the call.</param>
/// <param name="Reason">Shown in the record.</param>
[Command(ServiceNames.ToolGateway, "cancel-invocation")]
public sealed record CancelInvocation(InvocationId Invocation, string Reason) : ICommand;

/// <summary>A tool call is held until a human decides; the call goes on by itself afterwards.</summary>
/// <param name="Invocation">The id of the call.</param>
/// <param name="Run">The run it belongs to, if any.</param>
/// <param name="Task">The task of that run.</param>
/// <param name="Attempt">The attempt of that task.</param>
/// <param name="Request">The request in the inbox of Sessions.</param>
/// <param name="Reason">Why policy asks.</param>
[IntegrationEvent(ServiceNames.ToolGateway, "toolcall", "held")]
public sealed record ToolCallHeld(InvocationId Invocation, RunId? Run, string? Task, int Attempt, RequestId Request, string Reason) : IIntegrationEvent
{
    /// <inheritdoc/>
    [System.Text.Json.Serialization.JsonIgnore]
    public string AboutId => Invocation.ToString();
}

/// <summary>A tool call reached its end; sent once per call id, possibly delivered more than once.</summary>
/// <param name="Invocation">The id of the call.</param>
/// <param name="Run">The run it belongs to, if any.</param>
/// <param name="Task">The task of that run.</param>
/// <param name="Attempt">The attempt of that task.</param>
/// <param name="Outcome">How it ended.</param>
[IntegrationEvent(ServiceNames.ToolGateway, "toolcall", "settled")]
public sealed record ToolCallSettled(InvocationId Invocation, RunId? Run, string? Task, int Attempt, ToolOutcome Outcome) : IIntegrationEvent
{
    /// <inheritdoc/>
    [System.Text.Json.Serialization.JsonIgnore]
    public string AboutId => Invocation.ToString();
}

/// <summary>How a tool call ended.</summary>
public enum ToolOutcomeStatus
{
    /// <summary>The tool did what was asked.</summary>
    Completed,

    /// <summary>The tool ran and reported a failure, or could not run.</summary>
    Failed,

    /// <summary>Policy or a human said no; nothing ran.</summary>
    Denied,

    /// <summary>Stopped on request.</summary>
    Cancelled,

    /// <summary>The gateway died while an effectful tool ran: nobody knows whether the effect happened, so a human must say.</summary>
    NeedsReconcile,
}

/// <summary>The result of a tool call.</summary>
/// <param name="Status">How it ended.</param>
/// <param name="Content">What the tool answered; a JSON object, bounded by the gateway's output limit.</param>
/// <param name="Artifacts">Files it wrote or checked, with their hashes.</param>
/// <param name="Error">Set unless <see cref="ToolOutcomeStatus.Completed"/>.</param>
/// <param name="DurationMs">Wall time of the tool itself, in milliseconds.</param>
/// <param name="Sandbox">The layers that stood around its processes, each with what made it; null for a tool that starts none.</param>
public sealed record ToolOutcome(ToolOutcomeStatus Status, JsonElement Content, Artifact[] Artifacts, ToolError? Error, double DurationMs, string[]? Sandbox = null);

/// <summary>Why a tool call failed.</summary>
/// <param name="Class">A stable word: invalid_arguments, not_found, timeout, exit_code, denied, unavailable, …</param>
/// <param name="Message">For people: cause and remedy.</param>
/// <param name="Retryable">Whether the same call may succeed later.</param>
public sealed record ToolError(string Class, string Message, bool Retryable);

/// <summary>A file in a workspace that something vouches for.</summary>
/// <param name="Path">Relative to the workspace, with forward slashes.</param>
/// <param name="Sha256">Lower-case hex.</param>
/// <param name="Bytes">Its size.</param>
/// <param name="MediaType">IANA media type, as far as known.</param>
public sealed record Artifact(string Path, string Sha256, long Bytes, string MediaType);
