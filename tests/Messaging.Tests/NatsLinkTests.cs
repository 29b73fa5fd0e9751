using AgentPlatform.Testing;
using AgentPlatform.Testing.Faults;
using NATS.Client;

namespace AgentPlatform.Messaging.Tests;

public sealed class NatsLinkTests(Servers servers)
{
    // The library closes such a connection on a thread of its own, where nothing catches what closing throws, and that ends the process. Holding the
    // library's lock keeps that thread out, so that the same close happens here, where it can be seen.
    [Fact]
    public async Task Closing_a_connection_that_was_cut_with_words_unsaid_ended_the_process()
    {
        await using var proxy = FaultyProxy.ForNats(servers.Nats.Port);
        using var connection = (Connection)new ConnectionFactory().CreateConnection($"nats://127.0.0.1:{proxy.Port}");
        LastFlush.MayFail(connection);

        var broken = CutAndClose(proxy, connection);

        Assert.IsAssignableFrom<IOException>(broken);
        Assert.True(connection.IsClosed());
    }

    /// <returns>Why the library could say no more, before it was closed.</returns>
    private static Exception? CutAndClose(FaultyProxy proxy, Connection connection)
    {
        lock (LastFlush.Gate(connection))
        {
            proxy.Die();
            Exception? broken = null;
            while (broken is null)
            {
                broken = Record.Exception(() => connection.Publish("talk", new byte[10_000]));
            }

            connection.Close();
            return broken;
        }
    }
}
