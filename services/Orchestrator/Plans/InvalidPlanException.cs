namespace AgentPlatform.Orchestrator.Plans;

/// <summary>A plan that cannot be run; nothing was started. Every message names cause and remedy.</summary>
public sealed class InvalidPlanException(params IReadOnlyList<string> errors) : Exception(string.Join(" · ", errors))
{
    public IReadOnlyList<string> Errors { get; } = errors;
}
