using AgentPlatform.AppHost.Model;
using AgentPlatform.Provisioning;
using AgentPlatform.Provisioning.Nats;

namespace AgentPlatform.AppHost.Launch;

internal sealed class LaunchNats : INats
{
    private readonly NatsServer server;
    private readonly LaunchDescription description;

    public LaunchNats(StackContext stack, NatsResource resource)
    {
        var program = stack.Programs.NatsServer ?? throw new ProgramMissingException("nats-server was not looked for.");
        server = new NatsServer(new NatsOptions
        {
            Program = program,
            DataFolder = stack.Data.At("nats"),
            Port = stack.PortOf(resource, resource.Endpoints[0]),
            TokenFile = stack.Credentials.NatsTokenFile,
            OnLine = stack.Logs.For(resource.Name).Write,
        });
        description = new LaunchDescription([], [new Fact("executable.path", program), new Fact("resource.connectionString", server.Url, "Connection string")]);
    }

    public string Url => server.Url;

    public string? TokenFile => server.TokenFile;

    public LaunchDescription Describe() => description;

    public ValueTask DisposeAsync() => server.DisposeAsync();

    public async Task<Running> StartAsync(CancellationToken ct)
    {
        await server.StartAsync(ct);
        return new Running(server.ProcessId, server.Exited, server.StopAsync);
    }
}
