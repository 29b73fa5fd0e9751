using AgentPlatform.AppHost.Commands;
using AgentPlatform.AppHost.Launch;

namespace AgentPlatform.AppHost.Model;

/// <summary>A part of the topology: what it is called, what it needs, how it is reached. How it is started is its launcher's business.</summary>
public abstract class Resource(string name)
{
    public string Name { get; } = name;

    /// <summary>What the dashboard calls this kind; <c>Project</c>, <c>Executable</c> and names with "Database" have icons of their own.</summary>
    public abstract string Type { get; }

    /// <summary>Where it listens, with the port it has when nothing is shifted.</summary>
    public List<Endpoint> Endpoints { get; } = [];

    /// <summary>Resources whose address it is given.</summary>
    public List<Resource> References { get; } = [];

    /// <summary>Resources that must be ready before it starts.</summary>
    public List<Resource> WaitsFor { get; } = [];

    /// <summary>Variables it is given besides what its references give it.</summary>
    public Dictionary<string, string?> Environment { get; } = new(StringComparer.Ordinal);

    /// <summary>Asked until it answers 2xx; null: it is ready when it runs.</summary>
    public string? HealthPath { get; set; }

    /// <summary>Commands besides start, stop and restart.</summary>
    public List<ResourceCommand> Commands { get; } = [];

    /// <summary>The resource it is shown under.</summary>
    public Resource? Parent { get; init; }

    /// <summary>True: not listed in the dashboard.</summary>
    public virtual bool IsHidden => false;

    /// <summary>What a referring resource is given to reach this one.</summary>
    internal abstract IEnumerable<KeyValuePair<string, string>> GivesTo(StackContext stack);

    /// <summary>How many of it are started.</summary>
    internal virtual int Instances(AppHostOptions options) => options.Replicas.GetValueOrDefault(Name, 1);

    /// <summary>The loopback ports one instance listens on.</summary>
    internal virtual IEnumerable<int> Ports(AppHostOptions options, int replica) => Endpoints.Select(endpoint => options.PortOf(Name, endpoint.Port, replica));

    internal abstract ILauncher Launcher(StackContext stack, int replica);
}

/// <summary>A loopback address; <paramref name="Port"/> is the default before any shift.</summary>
public sealed record Endpoint(string Name, string Scheme, int Port);

/// <summary>A button in the dashboard.</summary>
/// <param name="Execute">Does the work; the text is shown when it is done.</param>
public sealed record ResourceCommand(string Name, string DisplayName, Func<CancellationToken, Task<string>> Execute, string? Confirmation = null, string? IconName = null);
