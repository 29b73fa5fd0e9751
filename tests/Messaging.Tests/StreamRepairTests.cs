using System.Text.Json;
using AgentPlatform.Messaging.Tests.Simulation;
using AgentPlatform.Testing;
using Microsoft.Extensions.Logging.Abstractions;

namespace AgentPlatform.Messaging.Tests;

/// <summary>A stream whose files the server lost is made anew, and a healthy one never: JetStream of nats-server 2.9 may lose them when a stream is made while it is being deleted.</summary>
public sealed class StreamRepairTests(Servers servers) : OwnNats
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_stream_that_takes_nothing_any_more_is_made_anew()
    {
        using var link = await Link();
        var jetStream = new JetStream(link, Options());
        await jetStream.EnsureStreams(Ct);
        var broken = await Created();

        // The file is open still; when it is full the server needs a new one, and has no folder for it: publishing is refused from then on.
        LoseFiles();
        await FillUntilRefused(jetStream);
        await jetStream.EnsureStreams(Ct);

        Assert.NotEqual(broken, await Created());
        await jetStream.Publish("commands.sessions.nobody", "{}"u8.ToArray(), Ct);
    }

    [Fact]
    public async Task A_stream_that_acknowledges_what_it_cannot_read_is_made_anew_and_everything_arrives()
    {
        var database = await servers.NewDatabase();
        await using (var sender = await Start(database, bus => { }))
        {
            await Eventually.True(async () => await Exists(), "the stream");
            LoseFiles();

            // The file is open still, so writing works; reading opens it again.
            await sender.Send("run-1", CountUp(1, 5));
            await Eventually.Get(() => sender.Scalar<long>(TallyService.Unpublished), unpublished => unpublished == 0, "everything acknowledged");
        }

        var broken = await Created();
        await using var service = await Counting(database);

        await Counted(service, times: 5);
        await MadeAnew(broken);
    }

    [Fact]
    public async Task A_consumer_that_cannot_be_stored_has_its_stream_made_anew()
    {
        await using var service = await Counting(await servers.NewDatabase());
        await service.Send("run-1", CountUp(1, 5));
        await Counted(service, times: 5);
        var broken = await Created();

        Lose(Path.Combine(FilesOf("COMMANDS"), "obs"));

        await MadeAnew(broken);
        await service.Send("run-1", CountUp(6, 5));
        await Counted(service, times: 10);
    }

    [Theory]
    [InlineData(FaultPoint.Suspected)]
    [InlineData(FaultPoint.Condemned)]
    [InlineData(FaultPoint.Demolished)]
    public async Task A_repair_that_dies_half_way_is_done_by_the_next_and_everything_arrives(FaultPoint point)
    {
        var database = await servers.NewDatabase();
        await using (var sender = await Start(database, bus => { }))
        {
            await Eventually.True(async () => await Exists(), "the stream");
            LoseFiles();
            await sender.Send("run-1", CountUp(1, 5));
            await Eventually.Get(() => sender.Scalar<long>(TallyService.Unpublished), unpublished => unpublished == 0, "everything acknowledged");
        }

        var broken = await Created();
        using (var link = await Link())
        {
            var dying = new JetStream(link, Repairing(Options()), faults: new FaultPoints { Reached = reached => reached == point ? throw new ProcessDiedException() : Task.CompletedTask });
            dying.Suspect(JetStream.Commands, "a feeling");
            await Assert.ThrowsAsync<ProcessDiedException>(() => dying.EnsureStreams(Ct));
        }

        Assert.Equal(point == FaultPoint.Demolished, !await Exists());
        await using var service = await Counting(database);
        await Counted(service, times: 5);
        await MadeAnew(broken);
    }

    [Fact]
    public async Task A_consumer_that_does_not_move_though_its_stream_is_healthy_is_made_anew_and_one_that_moves_is_not()
    {
        using var link = await Link();
        var jetStream = new JetStream(link, Repairing(Options()));
        await jetStream.EnsureStreams(Ct);
        var state = await Consumer();
        await jetStream.Publish("commands.sessions.count-up", "{}"u8.ToArray(), Ct);
        var (stream, consumer) = (await Created(), await CreatedConsumer());

        // Messages wait, and nothing was delivered since the last look: whoever suspects has seen that it asks for them.
        await Suspected(state.Delivered + 1);
        Assert.Equal(consumer, await CreatedConsumer());

        await Eventually.True(async () => !(await Ask("STREAM.INFO.REPAIRS")).TryGetProperty("state", out var leases) || leases.GetProperty("messages").GetInt64() == 0, "the next lease");
        await Suspected(state.Delivered);
        var anew = await Consumer();

        Assert.Equal((1, stream), (anew.Waiting, await Created()));
        Assert.NotEqual(consumer, await CreatedConsumer());

        async Task Suspected(long delivered)
        {
            jetStream.Suspect(JetStream.Commands, "it does not move", new StuckConsumer("a-consumer", delivered));
            await jetStream.EnsureStreams(Ct);
        }

        Task<ConsumerState> Consumer() => jetStream.EnsureConsumer(JetStream.Commands, "a-consumer", "commands.sessions.count-up", heldMax: 1, Ct);

        async Task<string?> CreatedConsumer() => (await Ask("CONSUMER.INFO.COMMANDS.a-consumer")).GetProperty("created").GetString();
    }

    [Fact]
    public async Task A_suspected_stream_that_stores_and_reads_is_left_as_it_is()
    {
        using var link = await Link();
        var jetStream = new JetStream(link, Options());
        await jetStream.EnsureStreams(Ct);
        await jetStream.Publish("commands.sessions.count-up", "{}"u8.ToArray(), Ct);
        var healthy = await Ask("STREAM.INFO.COMMANDS");

        jetStream.Suspect(JetStream.Commands, "a feeling");
        await jetStream.EnsureStreams(Ct);

        var seen = await Ask("STREAM.INFO.COMMANDS");
        Assert.Equal(healthy.GetProperty("created").GetString(), seen.GetProperty("created").GetString());
        Assert.Equal(1, seen.GetProperty("state").GetProperty("messages").GetInt64());
        Assert.Equal(1, (await Ask("STREAM.INFO.REPAIRS")).GetProperty("state").GetProperty("messages").GetInt64());
    }

    [Fact]
    public async Task Only_one_process_looks_after_a_stream_and_not_all_the_time()
    {
        using var link = await Link();
        var (one, other) = (new JetStream(link, Options()), new JetStream(link, Options()));
        await one.EnsureStreams(Ct);
        await one.EnsureConsumer(JetStream.Commands, "a-consumer", "commands.sessions.count-up", heldMax: 1, Ct);
        one.Suspect(JetStream.Commands, "a feeling");
        await one.EnsureStreams(Ct);
        var before = await Created();
        LoseFiles();

        await Assert.ThrowsAsync<JetStreamException>(() => other.EnsureConsumer(JetStream.Commands, "a-consumer", "commands.sessions.count-up", heldMax: 1, Ct));
        await other.EnsureStreams(Ct);

        Assert.Equal(before, await Created());
    }

    private static object[] CountUp(int from, int count) => [.. Enumerable.Range(from, count).Select(n => (object)new CountUp("a-tally", n))];

    private static Task<Tally> Counted(TallyService service, int times) => Eventually.Get(() => service.Read("a-tally"), tally => tally.Times == times, $"{times} counted");

    private MessagingOptions Options() => new() { Url = Nats.Url };

    private static MessagingOptions Repairing(MessagingOptions options) => options with { StuckGrace = TimeSpan.FromMilliseconds(500), StreamRepairEvery = TimeSpan.FromSeconds(5) };

    private async Task<NatsLink> Link()
    {
        var link = new NatsLink("test", Options(), NullLogger<NatsLink>.Instance);
        await link.WaitConnected(Ct);
        return link;
    }

    private Task<string?> MadeAnew(string broken) => Eventually.Get(CreatedOrNone, created => created is not null && created != broken, "the stream made anew");

    private static async Task FillUntilRefused(JetStream jetStream)
    {
        var large = new byte[1024 * 1024];
        for (var n = 0; n < 30; n++)
        {
            try
            {
                await jetStream.Publish("commands.sessions.nobody", large, Ct);
            }
            catch (JetStreamException)
            {
                return;
            }
        }

        Assert.Fail("A stream without files took 30 MB");
    }

    private string FilesOf(string stream) => Path.Combine(Nats.StoreFolder, "jetstream", "$G", "streams", stream);

    private void LoseFiles() => Lose(FilesOf("COMMANDS"));

    // Moved, not deleted: the server may be writing a file in it.
    private void Lose(string folder) => Directory.Move(folder, Path.Combine(Nats.StoreFolder, "..", $"lost-{Guid.CreateVersion7():n}"));

    private async Task<JsonElement> Ask(string what)
    {
        using var link = await Link();
        return JsonSerializer.Deserialize<JsonElement>(await link.Request($"$JS.API.{what}", [], Ct));
    }

    private async Task<string?> CreatedOrNone() => (await Ask("STREAM.INFO.COMMANDS")).TryGetProperty("created", out var created) ? created.GetString() : null;

    private async Task<bool> Exists() => await CreatedOrNone() is not null;

    private async Task<string> Created() => await CreatedOrNone() ?? throw new InvalidOperationException("There is no stream COMMANDS");

    private Task<TallyService> Counting(string database) =>
        Start(database, bus => bus.On<CountUp, Tally, TallyEvent>(Tally.Kind, m => m.Tally, (m, _, _) => ([new TallyEvent.Raised(m.By)], [])));

    private Task<TallyService> Start(string database, Action<Bus> handlers) =>
        TallyService.Start(servers, database, handlers, options => Repairing(options with { Url = Nats.Url }));
}
