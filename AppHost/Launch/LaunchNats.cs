using AgentPlatform.AppHost.Model;
using AgentPlatform.Provisioning;
using AgentPlatform.Provisioning.Nats;

namespace AgentPlatform.AppHost.Launch;

/// <summary>One nats-server of ours, or the nodes of a cluster; each node has a folder of its own, and so has the server that is alone.</summary>
internal sealed class LaunchNats : INats
{
    private readonly LaunchNatsNode[] nodes;

    public LaunchNats(StackContext stack, NatsResource resource)
    {
        var program = stack.Programs.NatsServer ?? throw new ProgramMissingException("nats-server was not looked for.");
        var ports = Enumerable.Range(0, stack.ReplicasOf(resource)).Select(i => stack.PortOf(resource, resource.Endpoints[0], i)).ToArray();
        string[] routes = [.. ports.Select(port => $"127.0.0.1:{NatsResource.NodePort(port)}")];
        nodes = [.. ports.Select((port, i) => new LaunchNatsNode(new NatsOptions
        {
            Program = program,
            DataFolder = stack.Data.At(ServiceEnvironment.InstanceName(stack, resource, i)),
            Port = port,
            Cluster = ports.Length > 1 ? new NatsClusterNode(ServiceEnvironment.InstanceName(stack, resource, i), NatsResource.NodePort(port), routes) : null,
            TokenFile = stack.Credentials.NatsTokenFile,
            OnLine = stack.Logs.For(ServiceEnvironment.LogName(stack, resource, i)).Write,
        }))];
        TokenFile = stack.Credentials.NatsTokenFile;
    }

    public string Url => string.Join(',', nodes.Select(node => node.Url));

    public string? TokenFile { get; }

    public int StreamCopies => nodes.Length;

    public ILauncher Node(int index) => nodes[index];

    public async ValueTask DisposeAsync()
    {
        foreach (var node in nodes)
        {
            await node.DisposeAsync();
        }
    }
}

internal sealed class LaunchNatsNode(NatsOptions options) : ILauncher, IAsyncDisposable
{
    private readonly NatsServer server = new(options);

    public string Url => server.Url;

    public LaunchDescription Describe() => new([], [new Fact("executable.path", options.Program), new Fact("resource.connectionString", server.Url, "Connection string")]);

    public ValueTask DisposeAsync() => server.DisposeAsync();

    public async Task<Running> StartAsync(CancellationToken ct)
    {
        await server.StartAsync(ct);
        return new Running(server.ProcessId, server.Exited, server.StopAsync);
    }
}
