using System.Collections.Immutable;
using AgentPlatform.AppHost.Launch;
using AgentPlatform.AppHost.Model;

namespace AgentPlatform.AppHost.Supervision;

/// <summary>The words the dashboard knows; any other would be shown without colour and buttons.</summary>
internal static class States
{
    public const string NotStarted = "NotStarted";
    public const string Waiting = "Waiting";
    public const string Starting = "Starting";
    public const string Running = "Running";
    public const string Stopping = "Stopping";
    public const string Exited = "Exited";
    public const string FailedToStart = "FailedToStart";

    /// <summary>Nothing runs and nothing is about to.</summary>
    public static bool IsAtRest(string state) => state is NotStarted or Exited or FailedToStart;
}

internal sealed record InstanceUrl(string Name, string Url);

/// <summary>One answer of a health check. <paramref name="IsHealthy"/> is null until the first one.</summary>
internal sealed record Health(bool? IsHealthy, string Description, DateTimeOffset? At);

/// <summary>What is known about one instance of a resource at one moment; the dashboard shows exactly this.</summary>
internal sealed record ResourceSnapshot
{
    public required string Name { get; init; }

    /// <summary>Shared by the replicas of a resource.</summary>
    public required string DisplayName { get; init; }

    /// <summary>The name of its console log.</summary>
    public required string LogName { get; init; }

    public required string Type { get; init; }

    public required DateTimeOffset CreatedAt { get; init; }

    public required string State { get; init; }

    public bool IsHidden { get; init; }

    /// <summary>The instance it is listed under.</summary>
    public string? ParentName { get; init; }

    public int? ProcessId { get; init; }

    public int? ExitCode { get; init; }

    public DateTimeOffset? StartedAt { get; init; }

    public DateTimeOffset? StoppedAt { get; init; }

    /// <summary>Null when nobody checks.</summary>
    public Health? Health { get; init; }

    public int Restarts { get; init; }

    public ImmutableArray<InstanceUrl> Urls { get; init; } = [];

    /// <summary>Display name and kind: <c>Reference</c>, <c>WaitFor</c>, <c>Parent</c>.</summary>
    public ImmutableArray<(string DisplayName, string Kind)> Relationships { get; init; } = [];

    public LaunchDescription Description { get; init; } = LaunchDescription.Empty;

    public ImmutableArray<ResourceCommand> Commands { get; init; } = [];

    /// <summary>Running, and healthy if somebody checks.</summary>
    public bool IsReady => State == States.Running && Health is null or { IsHealthy: true };
}
