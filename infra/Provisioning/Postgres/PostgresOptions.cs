using AgentPlatform.Provisioning.Processes;
using AgentPlatform.Provisioning.Programs;

namespace AgentPlatform.Provisioning.Postgres;

/// <summary>How a PostgreSQL server of our own is run.</summary>
public sealed record PostgresOptions
{
    /// <summary>The installation to use.</summary>
    public required PostgresPrograms Programs { get; init; }

    /// <summary>Where the cluster lies; made on first start.</summary>
    public required string DataFolder { get; init; }

    /// <summary>The file with the password, in libpq's password file format (mode 0600); made on first start.</summary>
    public required string PasswordFile { get; init; }

    /// <summary>The loopback port.</summary>
    public required int Port { get; init; }

    /// <summary>The role that owns everything.</summary>
    public string UserName { get; init; } = "agentplatform";

    /// <summary>
    /// Used instead of <see cref="DataFolder"/> when we are root and the unprivileged user cannot reach that folder;
    /// <c>AGENTPLATFORM_SHARED</c>, else <c>/var/lib/agentplatform</c>.
    /// </summary>
    public string SharedFolder { get; init; } = Environment.GetEnvironmentVariable("AGENTPLATFORM_SHARED") is { Length: > 0 } own ? own : "/var/lib/agentplatform";

    /// <summary>Names this server below <see cref="SharedFolder"/>; a hash of <see cref="DataFolder"/> when null. Give a random one to begin anew when the data folder does.</summary>
    public string? SharedName { get; init; }

    /// <summary>False: commits do not wait for the disk. A crash of the server loses nothing, a crash of the machine may lose everything. For tests.</summary>
    public bool IsDurable { get; init; } = true;

    /// <summary>Upper bound of connections at once, over all services.</summary>
    public int ConnectionsMax { get; init; } = 200;

    /// <summary>Shared buffers in megabytes.</summary>
    public int SharedBuffersMegabytes { get; init; } = 128;

    /// <summary>How long a start may take, crash recovery and waiting for an ending predecessor included.</summary>
    public TimeSpan StartTimeout { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>How long a fast shutdown may take before the server is killed.</summary>
    public TimeSpan StopTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>Told each line of the server's log.</summary>
    public Action<OutputLine>? OnLine { get; init; }

    /// <summary>Told about unusual choices, such as another data folder.</summary>
    public Action<string> Progress { get; init; } = static _ => { };

    internal void Check()
    {
        if (Port is < 1 or > 65_535)
        {
            throw new ArgumentOutOfRangeException(nameof(Port), Port, "A port is between 1 and 65535.");
        }

        if (ConnectionsMax < 10 || SharedBuffersMegabytes < 1)
        {
            throw new ArgumentException($"ConnectionsMax must be at least 10 and SharedBuffersMegabytes at least 1 ({ConnectionsMax}, {SharedBuffersMegabytes}).");
        }
    }
}
