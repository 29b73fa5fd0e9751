using AgentPlatform.Testing;
using Microsoft.Extensions.Logging.Abstractions;

namespace AgentPlatform.Messaging.Tests;

public sealed class StreamCopiesTests(Servers servers)
{
    [Fact]
    public async Task A_server_that_is_alone_cannot_keep_three_copies_and_says_what_to_change()
    {
        var options = new MessagingOptions { Url = servers.Nats.Url, StreamReplicas = 3, Namespace = "copies" };
        using var link = new NatsLink("test", options, NullLogger<NatsLink>.Instance);
        await link.WaitConnected(TestContext.Current.CancellationToken);

        var refused = await Assert.ThrowsAsync<JetStreamException>(() => new JetStream(link, options).EnsureStreams(TestContext.Current.CancellationToken));

        Assert.Contains("cannot keep 3 copies", refused.Message, StringComparison.Ordinal);
        Assert.Contains("Messaging:StreamReplicas is 1 for a single NATS server", refused.Message, StringComparison.Ordinal);
    }
}
