using AgentPlatform.Testing;
using AgentPlatform.Testing.Faults;
using Microsoft.Extensions.Logging.Abstractions;
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
        WriteBehind.Under(connection, 1 << 20);

        var broken = CutAndClose(proxy, connection);

        Assert.IsAssignableFrom<IOException>(broken);
        Assert.True(connection.IsClosed());
    }

    [Theory]
    [InlineData("dies")]
    [InlineData("falls silent")]
    [InlineData("falls silent with more unsaid than the system takes")]
    public async Task A_link_whose_server_is_lost_moves_to_the_next_one_with_its_subscriptions(string how)
    {
        await using var first = FaultyProxy.ForNats(servers.Nats.Port);
        await using var second = FaultyProxy.ForNats(servers.Nats.Port);
        using var link = Link(first, second);
        var heard = new TaskCompletionSource<string>(TaskCreationOptions.RunContinuationsAsynchronously);
        using var subscription = link.Subscribe("moves.>", (subject, _, _) => heard.TrySetResult(subject));
        await link.WaitConnected(Ct);
        Assert.Equal(UrlOf(first), link.Url);

        switch (how)
        {
            case "dies":
                first.Die();
                break;
            case "falls silent":
                first.Freeze();
                break;
            default:
                first.Freeze();
                _ = Task.Run(() => Record.Exception(() => Enumerable.Range(0, 10_000).ToList().ForEach(_ => link.Publish("flood", new byte[10_000]))), Ct);
                break;
        }

        await Eventually.True(() => Task.FromResult(link.IsConnected && link.Url == UrlOf(second)), "a connection to the second server");
        await Eventually.True(() => Task.FromResult(Record.Exception(() => link.Publish("moves.here", [])) is null && heard.Task.IsCompleted), "a message on the new connection");
    }

    [Fact]
    public async Task A_server_that_is_of_no_use_is_left_for_the_next_one_but_not_for_none()
    {
        await using var first = FaultyProxy.ForNats(servers.Nats.Port);
        await using var second = FaultyProxy.ForNats(servers.Nats.Port);
        using var link = Link(first, second);
        using var alone = Link(second);
        await link.WaitConnected(Ct);
        await alone.WaitConnected(Ct);
        var returned = 0;
        alone.Reconnected += () => Interlocked.Increment(ref returned);

        await Eventually.True(
            () =>
            {
                link.Doubt("it does nothing");
                alone.Doubt("it does nothing");
                return Task.FromResult(link.IsConnected && link.Url == UrlOf(second));
            },
            "a connection to the second server");

        Assert.Equal(0, Volatile.Read(ref returned));
    }

    [Fact]
    public async Task A_link_that_found_no_server_for_a_while_used_up_the_thread_pool()
    {
        await using var proxy = FaultyProxy.ForNats(servers.Nats.Port);
        proxy.Die();
        var before = ThreadPool.ThreadCount;
        using var link = new NatsLink("test", new MessagingOptions { Url = UrlOf(proxy), ReconnectEvery = TimeSpan.FromMilliseconds(1) }, NullLogger<NatsLink>.Instance);

        await Eventually.True(() => Task.FromResult(proxy.Connections >= 200), "two hundred tries");

        Assert.InRange(ThreadPool.ThreadCount, 0, before + 30);
    }

    // The library holds the lock that its reader needs while it writes: a writer that waited for the server, which waited for our reader, waited for ever.
    [Fact]
    public async Task Publishing_never_waits_for_the_network()
    {
        await using var proxy = FaultyProxy.ForNats(servers.Nats.Port);
        using var link = new NatsLink("test", new MessagingOptions { Url = UrlOf(proxy), RequestTimeout = TimeSpan.FromMinutes(1) }, NullLogger<NatsLink>.Instance);
        await link.WaitConnected(Ct);
        proxy.Freeze();

        var published = Task.Run(() => Enumerable.Range(0, 4_000).ToList().ForEach(_ => link.Publish("flood", new byte[10_000])), Ct);

        await published.WaitAsync(TimeSpan.FromSeconds(30), Ct);
        Assert.True(link.IsConnected);
    }

    [Fact]
    public async Task A_server_that_does_some_things_right_is_kept()
    {
        await using var first = FaultyProxy.ForNats(servers.Nats.Port);
        await using var second = FaultyProxy.ForNats(servers.Nats.Port);
        using var link = Link(first, second);
        await link.WaitConnected(Ct);
        var begun = TimeProvider.System.GetTimestamp();

        await Eventually.True(
            () =>
            {
                link.Doubt("it was slow");
                link.Trust();
                return Task.FromResult(TimeProvider.System.GetElapsedTime(begun) > TimeSpan.FromSeconds(2));
            },
            "twice the time after which a useless server is left");

        Assert.Equal((true, UrlOf(first)), (link.IsConnected, link.Url));
    }

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    private static string UrlOf(FaultyProxy proxy) => $"nats://127.0.0.1:{proxy.Port}";

    private static NatsLink Link(params FaultyProxy[] ways) => new(
        "test", new MessagingOptions { Url = string.Join(',', ways.Select(UrlOf)), UrlsInOrder = true, RequestTimeout = TimeSpan.FromSeconds(1), LeaveAfter = TimeSpan.FromSeconds(1) }, NullLogger<NatsLink>.Instance);

    /// <returns>Why the library could say no more, before it was closed.</returns>
    private static Exception? CutAndClose(FaultyProxy proxy, Connection connection)
    {
        lock (WriteBehind.Gate(connection))
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
