using AgentPlatform.AppHost.Model;
using AgentPlatform.Provisioning;
using AgentPlatform.Provisioning.Postgres;

namespace AgentPlatform.AppHost.Launch;

internal sealed class LaunchPostgres : IPostgres
{
    private readonly PostgresServer server;
    private readonly LaunchDescription description;

    public LaunchPostgres(StackContext stack, PostgresResource resource)
    {
        var programs = stack.Programs.Postgres ?? throw new ProgramMissingException("PostgreSQL was not looked for.");
        var log = stack.Logs.For(resource.Name);
        server = new PostgresServer(new PostgresOptions
        {
            Programs = programs,
            DataFolder = stack.Data.At("postgres"),
            SharedName = stack.Data.Instance,
            PasswordFile = stack.Credentials.PostgresPasswordFile,
            Port = stack.PortOf(resource, resource.Endpoints[0]),
            OnLine = log.Write,
            Progress = log.Note,
        });
        description = new LaunchDescription([], [
            new Fact("executable.path", programs.Postgres),
            new Fact("resource.connectionString", server.ConnectionString("postgres"), "Connection string"),
        ]);
    }

    public LaunchDescription Describe() => description;

    public string ConnectionString(string database) => server.ConnectionString(database);

    public Task EnsureDatabaseAsync(string database, CancellationToken ct) => server.EnsureDatabaseAsync(database, ct);

    public ValueTask DisposeAsync() => server.DisposeAsync();

    public async Task<Running> StartAsync(CancellationToken ct)
    {
        await server.StartAsync(ct);
        return new Running(server.ProcessId, server.Exited, server.StopAsync);
    }
}
