namespace AgentPlatform.AppHost.Commands;

/// <summary>How much of the services' own logs the terminal shows. The files and the dashboard always have everything.</summary>
public enum LogDetail
{
    /// <summary>Nothing of theirs.</summary>
    None,

    /// <summary>Errors.</summary>
    Error,

    /// <summary>Errors and warnings.</summary>
    Warning,

    /// <summary>Everything they write.</summary>
    All,
}

/// <summary>What the command line and the environment asked for.</summary>
public sealed record AppHostOptions
{
    /// <summary>The first of our ports; a resource keeps its distance from it.</summary>
    public const int PortBaseDefault = 7100;

    /// <summary>The folder everything is kept in.</summary>
    public required string DataFolder { get; init; }

    public int PortBase { get; init; } = PortBaseDefault;

    /// <summary>A port of its own for a resource, by name; also <c>dashboard</c> and <c>otlp</c>.</summary>
    public IReadOnlyDictionary<string, int> Ports { get; init; } = new Dictionary<string, int>(StringComparer.Ordinal);

    /// <summary>Start these and what they wait for; everything when empty.</summary>
    public IReadOnlyList<string> Only { get; init; } = [];

    /// <summary>Servers that run elsewhere: resource name to connection string.</summary>
    public IReadOnlyDictionary<string, string> External { get; init; } = new Dictionary<string, string>(StringComparer.Ordinal);

    /// <summary>Instances per resource where it is not one.</summary>
    public IReadOnlyDictionary<string, int> Replicas { get; init; } = new Dictionary<string, int>(StringComparer.Ordinal);

    /// <summary>nats-servers of ours: 1, or 3 that form a cluster.</summary>
    public int NatsNodes { get; init; } = 1;

    public bool UseDashboard { get; init; } = true;

    public LogDetail LogDetail { get; init; } = LogDetail.Warning;

    /// <summary>The plan to run before stopping again; null runs the stack until it is stopped.</summary>
    public PlanToRun? Plan { get; init; }

    /// <summary>How long all resources together may take until they are ready, programs that must be fetched not included.</summary>
    public TimeSpan ReadyTimeout { get; init; } = TimeSpan.FromSeconds(90);

    /// <summary>The port of a resource whose default is given: its own if it has one, else shifted with the base.</summary>
    public int PortOf(string resource, int byDefault, int replica = 0) =>
        (Ports.TryGetValue(resource, out var own) ? own : PortBase + (byDefault - PortBaseDefault)) + (replica * PortStepOfReplicas);

    private const int PortStepOfReplicas = 100;
}

/// <summary>A plan for <c>agentctl run</c>.</summary>
public sealed record PlanToRun(string Plan, string? Out, string? Input);
