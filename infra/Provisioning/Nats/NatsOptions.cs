using AgentPlatform.Provisioning.Processes;

namespace AgentPlatform.Provisioning.Nats;

/// <summary>How a nats-server of our own is run.</summary>
public sealed record NatsOptions
{
    /// <summary>The program.</summary>
    public required string Program { get; init; }

    /// <summary>Where JetStream keeps its streams; the configuration lies beside them.</summary>
    public required string DataFolder { get; init; }

    /// <summary>The port for clients.</summary>
    public required int Port { get; init; }

    /// <summary>Where it listens: loopback, except in a network namespace that has nobody else in it.</summary>
    public string Address { get; init; } = "127.0.0.1";

    /// <summary>Its place among several; null for a server that is alone.</summary>
    public NatsClusterNode? Cluster { get; init; }

    /// <summary>A file with the token clients must show (made when it is not there); null lets everybody on this machine in.</summary>
    public string? TokenFile { get; init; }

    /// <summary>The largest message, in megabytes.</summary>
    public int MessageMegabytesMax { get; init; } = 8;

    /// <summary>How much JetStream may keep on disk, in gigabytes.</summary>
    public int StoreGigabytesMax { get; init; } = 10;

    /// <summary>How long a start may take, recovery of the streams included.</summary>
    public TimeSpan StartTimeout { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>How long a stop may take before the server is killed.</summary>
    public TimeSpan StopTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>Told each line of the server's log.</summary>
    public Action<OutputLine>? OnLine { get; init; }
}

/// <summary>One node of a cluster. With a token file, nodes show each other the same token as clients do.</summary>
/// <param name="Name">Unlike all others.</param>
/// <param name="Port">Where the other nodes connect, on the same address as clients.</param>
/// <param name="Nodes">All nodes, this one too, as <c>host:port</c> for nodes.</param>
public sealed record NatsClusterNode(string Name, int Port, IReadOnlyList<string> Nodes);
