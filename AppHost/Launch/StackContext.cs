using AgentPlatform.AppHost.Commands;
using AgentPlatform.AppHost.Data;
using AgentPlatform.AppHost.Logs;
using AgentPlatform.AppHost.Model;
using AgentPlatform.Provisioning.Programs;
using Endpoint = AgentPlatform.AppHost.Model.Endpoint;

namespace AgentPlatform.AppHost.Launch;

/// <summary>The programs of this machine; null where none was needed or found.</summary>
internal sealed record FoundPrograms(PostgresPrograms? Postgres, string? NatsServer, DashboardProgram? Dashboard, PdfToTextProgram? PdfToText);

/// <summary>What launchers need to know about the stack they start in.</summary>
internal sealed class StackContext(AppHostOptions options, DataFolder data, Credentials credentials, FoundPrograms programs, LogBook logs) : IAsyncDisposable
{
    private readonly Dictionary<Resource, IAsyncDisposable> servers = [];

    public AppHostOptions Options => options;

    public DataFolder Data => data;

    public Credentials Credentials => credentials;

    public FoundPrograms Programs => programs;

    public LogBook Logs => logs;

    public bool HasDashboard => programs.Dashboard is not null;

    public string DashboardUrl => Local(options.PortOf("dashboard", LaunchDashboard.Port));

    public string TelemetryUrl => Local(options.PortOf("otlp", LaunchDashboard.TelemetryPort));

    public int ReplicasOf(Resource resource) => resource.Instances(options);

    public int PortOf(Resource resource, Endpoint endpoint, int replica = 0) => options.PortOf(resource.Name, endpoint.Port, replica);

    public string UrlOf(Resource resource, Endpoint endpoint, int replica = 0) => $"{endpoint.Scheme}://127.0.0.1:{PortOf(resource, endpoint, replica)}";

    public IPostgres Postgres(PostgresResource resource) => (IPostgres)Server(resource, () =>
        options.External.TryGetValue(resource.Name, out var external) ? new ExternalPostgres(this, external) : (IPostgres)new LaunchPostgres(this, resource));

    public INats Nats(NatsResource resource) => (INats)Server(resource, () =>
        options.External.TryGetValue(resource.Name, out var external) ? new ExternalNats(this, external) : (INats)new LaunchNats(this, resource));

    public async ValueTask DisposeAsync()
    {
        foreach (var server in servers.Values)
        {
            await server.DisposeAsync();
        }
    }

    private static string Local(int port) => $"http://127.0.0.1:{port}";

    private IAsyncDisposable Server(Resource resource, Func<IAsyncDisposable> make)
    {
        lock (servers)
        {
            return servers.TryGetValue(resource, out var server) ? server : servers[resource] = make();
        }
    }
}
