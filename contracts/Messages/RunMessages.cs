using System.Text.Json.Serialization;

namespace AgentPlatform.Contracts;

/// <summary>A run was accepted and begins.</summary>
/// <param name="Run">The run.</param>
/// <param name="Name">The plan's name.</param>
/// <param name="At">When.</param>
[IntegrationEvent(ServiceNames.Orchestrator, "run", "started")]
public sealed record RunStarted(RunId Run, string Name, DateTimeOffset At) : IIntegrationEvent
{
    /// <inheritdoc/>
    [JsonIgnore]
    public string AboutId => Run.ToString();
}

/// <summary>A run reached its end; sent once.</summary>
/// <param name="Run">The run.</param>
/// <param name="Status">succeeded, failed or stopped.</param>
/// <param name="StateHash">SHA-256 (hex) over the final state without ids and times: equal for equal plans and results.</param>
/// <param name="At">When.</param>
[IntegrationEvent(ServiceNames.Orchestrator, "run", "ended")]
public sealed record RunEnded(RunId Run, RunStatus Status, string StateHash, DateTimeOffset At) : IIntegrationEvent
{
    /// <inheritdoc/>
    [JsonIgnore]
    public string AboutId => Run.ToString();
}
