using System.Text.Json;
using AgentPlatform.Provisioning.Files;
using AgentPlatform.Provisioning.Processes;
using AgentPlatform.Provisioning.Programs;

namespace AgentPlatform.Provisioning.Nats;

/// <summary>A nats-server with JetStream as a child process, alone or a node of a cluster: reachable on loopback only, gone when we are.</summary>
public sealed class NatsServer : IAsyncDisposable
{
    private readonly NatsOptions options;
    private TemporaryFolder? temporary;
    private ChildProcess? process;

    /// <summary>A server that is not started yet.</summary>
    public NatsServer(NatsOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        this.options = options;
    }

    /// <summary>The port for clients.</summary>
    public int Port => options.Port;

    /// <summary>Where clients connect; without the token.</summary>
    public string Url => $"nats://{options.Address}:{options.Port}";

    /// <summary>The file that holds the token, or null when none is asked for.</summary>
    public string? TokenFile => options.TokenFile;

    /// <summary>Where JetStream keeps its streams.</summary>
    public string StoreFolder => Path.Combine(options.DataFolder, "jetstream");

    /// <summary>The process id, or null while it is stopped.</summary>
    public int? ProcessId => process is { IsRunning: true } running ? running.Id : null;

    /// <summary>Completes with the exit code when the present process ends, for whatever reason.</summary>
    public Task<int> Exited => process?.Exited ?? Task.FromResult(0);

    /// <summary>A server for tests: free port, temporary folder, no token unless asked for; all gone after disposal.</summary>
    public static async Task<NatsServer> StartTemporaryAsync(bool withToken = false, CancellationToken ct = default)
    {
        var program = await new ProgramFinder().FindNatsServer(ct);
        return await StartTemporary.Server(Make, server => server.StartAsync(ct));

        NatsServer Make()
        {
            var folder = TemporaryFolder.Make();
            return new NatsServer(new NatsOptions
            {
                Program = program,
                DataFolder = Path.Combine(folder.Path, "data"),
                Port = LoopbackPorts.Next(),
                TokenFile = withToken ? Path.Combine(folder.Path, "token") : null,
            })
            { temporary = folder };
        }
    }

    /// <summary>Starts the server and waits until it accepts connections.</summary>
    /// <exception cref="PortInUseException">The port is taken.</exception>
    /// <exception cref="ServerFailedException">It did not start; the message holds its last lines.</exception>
    public async Task StartAsync(CancellationToken ct = default)
    {
        if (process is { IsRunning: true })
        {
            return;
        }

        if (!ContainerPrograms.IsScript(options.Program))
        {
            LoopbackPorts.ThrowIfTaken(options.Port, "nats-server");
            if (options.Cluster is { } node)
            {
                LoopbackPorts.ThrowIfTaken(node.Port, "nats-server for the other nodes of its cluster");
            }
        }

        PrivateFiles.EnsureFolder(options.DataFolder);
        var configuration = Path.Combine(options.DataFolder, "nats.conf");
        PrivateFiles.Write(configuration, Configuration());
        process = await StartServer.Start(Command(configuration), "nats-server", line => line.Contains("Server is ready", StringComparison.Ordinal), options.StartTimeout, ct);
    }

    /// <summary>Stops the server cleanly.</summary>
    public async Task StopAsync()
    {
        if (process is not null)
        {
            await process.StopAsync();
        }
    }

    /// <summary>Kills the server like a crash would.</summary>
    public async Task KillAsync()
    {
        if (process is not null)
        {
            await process.KillAsync();
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (process is not null)
        {
            await process.DisposeAsync();
        }

        temporary?.Dispose();
    }

    private ChildProcessStart Command(string configuration) => new(options.Program, "-c", configuration)
    {
        WorkingDirectory = options.DataFolder,
        InheritEnvironment = false,
        StopSignal = Signal.Interrupt,
        OnParentDeath = Signal.Interrupt,   // Not a kill: a container's client would die of it and leave its container behind.
        StopTimeout = options.StopTimeout,
        OnLine = options.OnLine,
    };

    private string Configuration()
    {
        var token = options.TokenFile is { } file ? PrivateFiles.ReadOrMake(file, PrivateFiles.NewSecret) : null;
        return $$"""
            server_name: {{options.Cluster?.Name ?? "agentplatform"}}
            listen: "{{options.Address}}:{{options.Port}}"
            max_payload: {{options.MessageMegabytesMax}}MB
            {{(token is null ? "" : $"authorization {{ token: {Quoted(token)} }}")}}
            jetstream {
              store_dir: {{Quoted(StoreFolder)}}
              max_file_store: {{options.StoreGigabytesMax}}GB
            }
            {{(options.Cluster is { } node ? ClusterConfiguration(node, token) : "")}}

            """;
    }

    // Not advertised: clients know the nodes from us, by the addresses that are right for them.
    private string ClusterConfiguration(NatsClusterNode node, string? token)
    {
        var login = token is null ? "" : $"node:{token}@";
        return $$"""
            cluster {
              name: agentplatform
              listen: "{{options.Address}}:{{node.Port}}"
              no_advertise: true
              {{(token is null ? "" : $"authorization {{ user: node, password: {Quoted(token)} }}")}}
              routes: [{{string.Join(", ", node.Nodes.Select(other => Quoted($"nats-route://{login}{other}")))}}]
            }
            """;
    }

    private static string Quoted(string text) => JsonSerializer.Serialize(text);
}
