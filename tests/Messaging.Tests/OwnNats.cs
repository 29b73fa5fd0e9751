using AgentPlatform.Provisioning.Nats;

namespace AgentPlatform.Messaging.Tests;

/// <summary>A JetStream for each test: where messages are counted, none of an earlier test may come by.</summary>
public abstract class OwnNats : IAsyncLifetime
{
    protected NatsServer Nats { get; private set; } = null!;

    public async ValueTask InitializeAsync() => Nats = await NatsServer.StartTemporaryAsync();

    public async ValueTask DisposeAsync()
    {
        await Nats.DisposeAsync();
        GC.SuppressFinalize(this);
    }
}
