using System.Diagnostics;
using System.Text.Json;
using AgentPlatform.Messaging;
using AgentPlatform.Provisioning.Processes;
using Microsoft.Extensions.Logging.Abstractions;

namespace AgentPlatform.AppHost.Tests.Hosts;

/// <summary>A host with three nats-servers, used as its services would use them.</summary>
public sealed class NatsClusterTests
{
    private const int Before = 20;
    private const int After = 40;
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(60);
    private static readonly HttpClient Client = new();

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Messages_go_on_while_a_node_is_killed_and_it_comes_back()
    {
        // A node listens a hundred ports above the one before.
        await using var host = await HostProcess.Ready(HostProcess.Start(["--no-dashboard", "--nats-nodes", "3"], portBase: LoopbackPorts.NextBlock(240)));
        var environment = JsonSerializer.Deserialize<Dictionary<string, string>>(await Client.GetStringAsync(new Uri(host.Echo, "/environment"), Ct))!;
        var first = host.PortBase + 22;
        Assert.Equal($"nats://127.0.0.1:{first},nats://127.0.0.1:{first + 100},nats://127.0.0.1:{first + 200}", environment["ConnectionStrings__nats"]);
        Assert.Equal(environment["ConnectionStrings__nats"], (await host.Platform()).GetProperty("endpoints").GetProperty("nats").GetString());
        var options = new MessagingOptions
        {
            Url = environment["ConnectionStrings__nats"],
            UrlsInOrder = true,
            TokenFile = environment["AGENTPLATFORM_NATS_TOKEN_FILE"],
            StreamReplicas = int.Parse(environment["Messaging__StreamReplicas"]),
            RequestTimeout = TimeSpan.FromSeconds(1),
        };
        using var link = new NatsLink("test", options, NullLogger<NatsLink>.Instance);
        var jetStream = new JetStream(link, options);
        await Eventually(async () => await Record.ExceptionAsync(() => jetStream.EnsureStreams(Ct)) is null);
        await Publish(jetStream, Before);

        var victim = host.Family().Single(member => CommandLine(member).Contains("nats-r0/nats.conf", StringComparison.Ordinal) && CommandLine(member).Contains("nats-server", StringComparison.Ordinal));
        NativeCalls.Send(victim.Id, Signal.Kill);

        await Publish(jetStream, After);
        Assert.NotEqual(environment["ConnectionStrings__nats"].Split(',')[0], link.Url);
        await Eventually(async () => await Stream(link) is { } info && info.GetProperty("state").GetProperty("messages").GetInt64() >= Before + After
            && info.GetProperty("cluster").GetProperty("replicas").EnumerateArray().Count(copy => copy.GetProperty("current").GetBoolean()) == 2);
        Assert.Contains(host.Family(), member => member.Id != victim.Id && CommandLine(member).Contains("nats-r0/nats.conf", StringComparison.Ordinal));
    }

    // At least once, as the relay does it: a message that was not acknowledged is published again.
    private static async Task Publish(JetStream jetStream, int count)
    {
        for (var i = 0; i < count; i++)
        {
            await Eventually(async () => await Record.ExceptionAsync(() => jetStream.Publish("events.test", [1], Ct)) is null);
        }
    }

    private static async Task<JsonElement?> Stream(NatsLink link)
    {
        try
        {
            var info = JsonSerializer.Deserialize<JsonElement>(await link.Request("$JS.API.STREAM.INFO.EVENTS", [], Ct));
            return info.TryGetProperty("error", out _) ? null : info;
        }
        catch (Exception e) when (e is TimeoutException or IOException or JsonException)
        {
            return null;
        }
    }

    private static async Task Eventually(Func<Task<bool>> isTrue)
    {
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(50));
        var begun = Stopwatch.StartNew();
        while (!await isTrue())
        {
            Assert.True(begun.Elapsed < Deadline, "It never came to be");
            await timer.WaitForNextTickAsync(Ct);
        }
    }

    private static string CommandLine(Process process)
    {
        try
        {
            return File.ReadAllText($"/proc/{process.Id}/cmdline").Replace('\0', ' ');
        }
        catch (IOException)
        {
            return "";
        }
    }
}
