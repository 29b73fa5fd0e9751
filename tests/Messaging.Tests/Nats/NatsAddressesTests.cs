namespace AgentPlatform.Messaging.Tests;

public sealed class NatsAddressesTests
{
    [Fact]
    public void The_servers_of_a_cluster_are_listed_with_commas_and_the_port_may_be_left_out() =>
        Assert.Equal(["nats://a:4222", "tls://b:7122", "nats://127.0.0.1:1"], NatsAddresses.Parse("nats://a, tls://b:7122/ ,nats://127.0.0.1:1,"));

    [Theory]
    [InlineData("", "names 0 NATS servers")]
    [InlineData(" , ", "names 0 NATS servers")]
    [InlineData("nats://a:4222,b:4222", "address 2 of the list is not one of a NATS server: set ConnectionStrings__nats")]
    [InlineData("http://a:4222", "address 1 of the list is not one")]
    [InlineData("nats://a:99999", "address 1 of the list is not one")]
    [InlineData("nats://a:4222,nats://A", "names nats://a:4222 twice")]
    [InlineData("nats://a:4222/path", "the address of a goes on behind the port")]
    [InlineData("nats://secret@a:4222", "the address of a holds a user or a token")]
    public void A_wrong_list_stops_the_start_with_what_is_wrong(string list, string says)
    {
        var refused = Assert.Throws<InvalidOperationException>(() => new MessagingOptions { Url = list }.Validate());

        Assert.Contains(says, refused.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("secret", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void An_address_that_is_given_up_is_followed_by_the_next_and_the_last_by_the_first()
    {
        var all = NatsAddresses.Parse("nats://a,nats://b");

        Assert.Equal(["nats://b:4222", "nats://a:4222"], all.Select(one => NatsAddresses.After(all, one)));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(2)]
    [InlineData(4)]
    public void Copies_that_no_cluster_should_keep_stop_the_start(int copies)
    {
        var refused = Assert.Throws<InvalidOperationException>(() => new MessagingOptions { Url = "nats://a", StreamReplicas = copies }.Validate());

        Assert.StartsWith("Messaging:StreamReplicas is 1, or 3 or 5", refused.Message, StringComparison.Ordinal);
    }
}
