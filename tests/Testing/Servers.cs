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
        // The NATS client drops the tasks of a connection that broke, with the exceptions in them. The runner would take them for failures of the tests.
        TaskScheduler.UnobservedTaskException += static (_, e) =>
        {
            if (e.Exception.Flatten().InnerExceptions.All(inner => inner.StackTrace?.Contains("NATS.Client.Connection", StringComparison.Ordinal) is true))
            {
                e.SetObserved();
            }
        };
        // The simulation runs dozens of services at once.
        var postgres = PostgresServer.StartTemporaryAsync(connectionsMax: 800);
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
