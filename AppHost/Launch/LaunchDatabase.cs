namespace AgentPlatform.AppHost.Launch;

/// <summary>A database is not started but made, once; it is there as long as its server is.</summary>
internal sealed class LaunchDatabase(IPostgres server, string name) : ILauncher
{
    public LaunchDescription Describe() => new([], [new Fact("resource.connectionString", server.ConnectionString(name), "Connection string")]);

    public async Task<Running> StartAsync(CancellationToken ct)
    {
        await server.EnsureDatabaseAsync(name, ct);
        return Running.Thing();
    }
}
