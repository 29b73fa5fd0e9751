using AgentPlatform.Provisioning.Nats;
using AgentPlatform.Provisioning.Postgres;
using Xunit;

namespace AgentPlatform.Testing;

/// <summary>One real PostgreSQL and one real NATS server for all tests of an assembly; every test takes a database of its own.</summary>
public sealed class Servers : IAsyncLifetime
{
    private static int _databases;

    public PostgresServer Postgres { get; private set; } = null!;

    public NatsServer Nats { get; private set; } = null!;

    public async ValueTask InitializeAsync()
    {
        var postgres = PostgresServer.StartTemporaryAsync();
        var nats = NatsServer.StartTemporaryAsync();
        (Postgres, Nats) = (await postgres, await nats);
    }

    /// <summary>A new, empty database; its connection string.</summary>
    public async Task<string> NewDatabase()
    {
        var name = $"test{Interlocked.Increment(ref _databases)}";
        await Postgres.EnsureDatabaseAsync(name);
        return Postgres.ConnectionString(name);
    }

    public async ValueTask DisposeAsync()
    {
        await Nats.DisposeAsync();
        await Postgres.DisposeAsync();
    }
}
