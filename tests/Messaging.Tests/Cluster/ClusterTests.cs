using System.Diagnostics.Metrics;
using AgentPlatform.Contracts;
using AgentPlatform.Testing;

namespace AgentPlatform.Messaging.Tests.Cluster;

/// <summary>Three nodes, each on a machine of its own, in a network that breaks: nothing is lost, nothing happens twice, nothing stops.</summary>
public sealed class ClusterTests(Servers servers)
{
    private const string Commands = JetStream.Commands;
    private const string Consumer = "sessions_sessions_count-up";
    private static readonly Lazy<Task<string?>> WhyNot = new(() => OwnNetwork.WhyNot(CancellationToken.None));
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(120);
    private readonly string _tally = Guid.CreateVersion7().ToString("n");

    [Fact]
    public async Task A_follower_that_is_cut_off_is_left_by_its_clients_and_catches_up_when_it_is_back()
    {
        await using var cluster = await Started();
        var leader = await Leader(cluster);
        var follower = NatsCluster.Nodes.First(node => node != leader);
        await using var sender = await Service(ServiceNames.Orchestrator, Round(follower, cluster.Beside));
        await using var receiver = await Service(ServiceNames.Sessions, Round(follower, cluster.Remote));
        await using var producer = Producer.Begin(sender, _tally);
        await Counted(receiver, 50);
        Assert.Equal((cluster.Beside(follower), cluster.Remote(follower)), (sender.Nats.Url, receiver.Nats.Url));

        await cluster.Cut(follower);

        // The sender's connection stands and its node is of no use; the receiver's connection falls silent.
        await Eventually.True(() => Task.FromResult(sender.Nats.Url != cluster.Beside(follower) && receiver.Nats.Url != cluster.Remote(follower)), "both with another node", Patience);
        await Eventually.True(async () => !await cluster.IsWhole(Commands, leader), "a copy of the stream that is not current", Patience);
        await Counted(receiver, (await receiver.Read(_tally)).Times + 100);

        await cluster.Heal(follower);
        await Eventually.True(() => cluster.IsWhole(Commands, leader), "all copies current again", Patience);
        await AllOnce(receiver, await producer.End());
    }

    [Fact]
    public async Task A_leader_that_is_cut_off_and_comes_back_with_other_messages_than_were_acknowledged_harms_nobody()
    {
        var resent = 0L;
        using var meter = new MeterListener { InstrumentPublished = (instrument, listener) => { if (instrument.Name == "agentplatform.messaging.resent") { listener.EnableMeasurementEvents(instrument); } } };
        meter.SetMeasurementEventCallback<long>((_, value, _, _) => Interlocked.Add(ref resent, value));
        meter.Start();
        await using var cluster = await Started();
        var cut = await Leader(cluster);
        var far = NatsCluster.Nodes.First(node => node != cut);
        var receiverDatabase = await servers.NewDatabase();
        await using var lonely = await Service(ServiceNames.Orchestrator, cluster.Beside(cut));
        await using var producer = await Service(ServiceNames.ToolGateway, Round(far, cluster.Remote));
        await using (var receiver = await Service(ServiceNames.Sessions, Round(far, cluster.Remote), receiverDatabase))
        {
            await producer.Send("run-1", CountUp(1, 20));
            await Counted(receiver, 20);
        }

        // With the receiver away, what the nodes keep is all that NATS has.
        var heard = 0;
        using var listener = cluster.Operator(cut).Subscribe("commands.sessions.>", (_, _, _) => Interlocked.Increment(ref heard));
        await cluster.Cut(cut);
        await lonely.Send("run-1", CountUp(21, 15));
        await Eventually.True(() => Task.FromResult(Volatile.Read(ref heard) >= 15), "what was sent to the lone leader there", Patience);
        await producer.Send("run-1", CountUp(36, 30));
        await Eventually.True(async () => await cluster.LeaderOf(Commands, far) is { } now && now != cut, "another leader", Patience);
        await Published(producer);
        Assert.Equal(15, await lonely.Scalar<long>(TallyService.Unpublished));
        var acknowledged = await cluster.Content(Commands, far);

        await cluster.Heal(cut);
        await Eventually.True(() => cluster.IsWhole(Commands, far), "all copies called current", Patience);
        await Published(lonely);
        var (leads, delivers) = (await cluster.TryMakeLeader(Commands, cut), await cluster.TryMakeLeader(Commands, cut, Consumer));
        var served = await cluster.Content(Commands, cut);
        var different = acknowledged.Count(kept => !served.TryGetValue(kept.Key, out var its) || its != kept.Value);
        TestContext.Current.TestOutputHelper?.WriteLine(
            $"Of {acknowledged.Count} acknowledged messages, the leader serves {different} otherwise or not at all; the node that had been cut off is called current, {(leads ? "leads" : "does not lead")} and {(delivers ? "delivers" : "does not deliver")}.");

        await using (var back = await Service(ServiceNames.Sessions, Round(far, cluster.Remote), receiverDatabase))
        {
            await AllOnce(back, 65);
            TestContext.Current.TestOutputHelper?.WriteLine($"{Interlocked.Read(ref resent)} messages were asked for again.");

            // The runbook: the node is stopped, its store deleted, and it is started again.
            await cluster.KillAndWipe(cut);
            await cluster.Restart(cut);
            await Eventually.True(async () => await cluster.IsWhole(JetStream.Events, far) && await cluster.IsWhole(Commands, far), "all copies current", Patience);
            await Eventually.True(async () => await cluster.LeaderOf(Commands, far, Consumer) is not null, "somebody who delivers", Patience);
            await producer.Send("run-1", CountUp(66, 10));
            try
            {
                await AllOnce(back, 75);
            }
            catch (TimeoutException)
            {
                TestContext.Current.TestOutputHelper?.WriteLine($"{await producer.Scalar<long>(TallyService.Unpublished)} unpublished\n{await cluster.Tell(Commands, Consumer)}");
                throw;
            }
        }

        // Whoever leads: what all copies have lost after it was acknowledged is missed, and asked for.
        await producer.Send("run-1", CountUp(76, 10));
        await Published(producer);
        await Eventually.True(async () => await cluster.Ask(far, $"STREAM.PURGE.{Commands}") is not null, "an empty stream", Patience);
        var before = Interlocked.Read(ref resent);
        await using var last = await Service(ServiceNames.Sessions, Round(far, cluster.Remote), receiverDatabase);
        await AllOnce(last, 85);
        Assert.True(Interlocked.Read(ref resent) - before >= 10, "acknowledged messages were gone, and nobody asked for them");
    }

    [Fact]
    public async Task A_leader_that_is_killed_and_comes_back_with_an_empty_disk_is_filled_by_the_others()
    {
        await using var cluster = await Started();
        var killed = await Leader(cluster);
        var far = NatsCluster.Nodes.First(node => node != killed);
        await using var sender = await Service(ServiceNames.Orchestrator, Round(killed, cluster.Remote));
        await using var receiver = await Service(ServiceNames.Sessions, Round(killed, cluster.Remote));
        await using var producer = Producer.Begin(sender, _tally);
        await Counted(receiver, 50);

        await cluster.KillAndWipe(killed);

        await Eventually.True(async () => await cluster.LeaderOf(Commands, far) is { } now && now != killed, "another leader", Patience);
        await Counted(receiver, (await receiver.Read(_tally)).Times + 100);
        await cluster.Restart(killed);
        await Eventually.True(() => cluster.IsWhole(Commands, far), "all copies current again", Patience);
        await producer.More(50);
        await cluster.TryMakeLeader(Commands, killed);
        await producer.More(50);
        await AllOnce(receiver, await producer.End());
    }

    private static async Task<NatsCluster> Started()
    {
        var why = await WhyNot.Value;
        Assert.SkipWhen(why is not null, $"No cluster in a network of its own: {why}");
        return await NatsCluster.Start();
    }

    private static string Round(int first, Func<int, string> way) => string.Join(',', NatsCluster.Nodes.Skip(first - 1).Concat(NatsCluster.Nodes.Take(first - 1)).Select(way));

    /// <summary>Makes the streams, as the first service would, so that there is a leader to choose a victim by.</summary>
    private static async Task<int> Leader(NatsCluster cluster)
    {
        var options = new MessagingOptions { Url = "nats://unused", StreamReplicas = 3 };
        await Eventually.True(async () => await Record.ExceptionAsync(() => new JetStream(cluster.Operator(1), options).EnsureStreams(TestContext.Current.CancellationToken)) is null, "streams of three copies", Patience);
        await Eventually.True(() => cluster.IsWhole(Commands, 1), "all copies current", Patience);
        return (await Eventually.Get(() => cluster.LeaderOf(Commands, 1), leader => leader is not null, "a leader", Patience))!.Value;
    }

    private async Task<TallyService> Service(string name, string urls, string? database = null) => await TallyService.Start(
        servers, database ?? await servers.NewDatabase(), name == ServiceNames.Sessions ? DeliveryTests.CountingOn : _ => { },
        // Longer than young streams take to agree on leaders, or a service leaves its node before the test begins.
        options => options with { Url = urls, UrlsInOrder = true, StreamReplicas = 3, RequestTimeout = TimeSpan.FromSeconds(2), LeaveAfter = TimeSpan.FromSeconds(8) }, name);

    private object[] CountUp(int from, int times) => [.. Enumerable.Range(from, times).Select(n => new CountUp(_tally, n))];

    private Task<Tally> Counted(TallyService service, int times) => Eventually.Get(() => service.Read(_tally), tally => tally.Times >= times, $"{times} counts", Patience);

    private static Task Published(TallyService service) => Eventually.True(async () => await service.Scalar<long>(TallyService.Unpublished) == 0, "everything acknowledged", Patience);

    /// <summary>Every number from 1 on took effect, and none twice.</summary>
    private async Task AllOnce(TallyService service, int sent)
    {
        await Counted(service, sent);
        await Eventually.Get(
            () => service.Scalar<string>("select count(*) || ' effects of ' || count(distinct data->>'By') || ' messages' from mt_events where type = 'tally-raised.1'"),
            seen => seen == $"{sent} effects of {sent} messages", "each effect once", Patience);
        Assert.Equal(new Tally(sent * (sent + 1) / 2, sent), await service.Read(_tally));
    }
}
