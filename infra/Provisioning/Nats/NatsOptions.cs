using AgentPlatform.Provisioning.Processes;

namespace AgentPlatform.Provisioning.Nats;

/// <summary>How a nats-server of our own is run.</summary>
public sealed record NatsOptions
{
    /// <summary>The program.</summary>
    public required string Program { get; init; }

    /// <summary>Where JetStream keeps its streams; the configuration lies beside them.</summary>
    public required string DataFolder { get; init; }

    /// <summary>The loopback port.</summary>
    public required int Port { get; init; }

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
