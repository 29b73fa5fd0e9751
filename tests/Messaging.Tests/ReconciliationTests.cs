using System.Diagnostics.Metrics;
using System.Text.Json;
using AgentPlatform.Contracts;
using AgentPlatform.Testing;
using Microsoft.Extensions.Logging.Abstractions;

namespace AgentPlatform.Messaging.Tests;

/// <summary>PostgreSQL is the truth: whatever JetStream loses after it acknowledged it, arrives.</summary>
public sealed class ReconciliationTests(Servers servers)
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    private readonly string _tally = Guid.CreateVersion7().ToString("n");

    [Fact]
    public async Task A_stream_deleted_between_publish_and_consume_is_filled_again()
    {
        var database = await servers.NewDatabase();
        await Publish(database, times: 20);
        await Ask("STREAM.DELETE");

        await using var service = await Counting(database);

        await Counted(service, total: 210, times: 20);
    }

    [Fact]
    public async Task A_stream_deleted_under_a_running_service_stops_nothing()
    {
        await using var service = await Counting(await servers.NewDatabase());
        await service.Send("run-1", CountUp(1, 10));
        await Counted(service, total: 55, times: 10);
        await Ask("STREAM.DELETE");

        await service.Send("run-1", CountUp(11, 10));

        await Counted(service, total: 210, times: 20);
    }

    [Fact]
    public async Task A_NATS_server_that_comes_back_with_an_empty_store_is_filled_again()
    {
        var database = await servers.NewDatabase();
        await Publish(database, times: 20);
        await servers.Nats.KillAsync();
        Directory.Delete(servers.Nats.StoreFolder, recursive: true);
        await servers.Nats.StartAsync(Ct);

        await using var service = await Counting(database);

        await Counted(service, total: 210, times: 20);
    }

    [Fact]
    public async Task A_running_service_notices_that_its_server_came_back_empty()
    {
        var database = await servers.NewDatabase();
        await using var sender = await TallyService.Start(servers, await servers.NewDatabase(), bus => { }, service: ServiceNames.Orchestrator);
        await using var service = await Counting(database);
        await sender.Send("run-1", CountUp(1, 5));
        await Counted(service, total: 15, times: 5);

        await servers.Nats.KillAsync();
        await sender.Send("run-1", CountUp(6, 5));
        Directory.Delete(servers.Nats.StoreFolder, recursive: true);
        await servers.Nats.StartAsync(Ct);

        await Counted(service, total: 55, times: 10);
    }

    [Fact]
    public async Task Messages_lost_in_the_middle_and_the_last_one_are_asked_for()
    {
        var database = await servers.NewDatabase();
        await Publish(database, times: 10);
        var last = (await Ask("STREAM.INFO")).GetProperty("state").GetProperty("last_seq").GetInt64();
        foreach (var lost in (long[])[last - 5, last - 4, last])
        {
            Assert.True((await Ask("STREAM.MSG.DELETE", new { seq = lost })).GetProperty("success").GetBoolean());
        }

        await using var service = await Counting(database);

        await Counted(service, total: 55, times: 10);
    }

    [Fact]
    public async Task A_receiver_whose_database_was_lost_gets_what_the_sender_still_has()
    {
        await using var sender = await TallyService.Start(servers, await servers.NewDatabase(), bus => { }, service: ServiceNames.Orchestrator);
        await using (var service = await Counting(await servers.NewDatabase()))
        {
            await sender.Send("run-1", CountUp(1, 10));
            await Counted(service, total: 55, times: 10);
        }

        await using var anew = await Counting(await servers.NewDatabase());

        await Counted(anew, total: 55, times: 10);
    }

    [Fact]
    public async Task What_the_sender_no_longer_has_is_lost_out_loud_and_stops_nothing()
    {
        var database = await servers.NewDatabase();
        await Publish(database, times: 10);
        await Ask("STREAM.DELETE");
        await using (var sender = await TallyService.Start(servers, database, bus => { }))
        {
            await sender.Scalar<long>("with gone as (delete from ap_sent where position in (3, 4) returning 1) select count(*) from gone");
        }

        await using var service = await Counting(database);

        await Counted(service, total: 48, times: 8);
        await Settled(service, 10);
        Assert.Equal("3-4 lost", await service.Scalar<string>("select first || '-' || last || ' ' || reason from ap_passed"));
    }

    [Fact]
    public async Task What_changed_nothing_and_what_died_is_not_asked_for()
    {
        var resent = 0L;
        using var meter = new MeterListener { InstrumentPublished = (instrument, listener) => { if (instrument.Name == "agentplatform.messaging.resent") { listener.EnableMeasurementEvents(instrument); } } };
        meter.SetMeasurementEventCallback<long>((_, value, _, _) => Interlocked.Add(ref resent, value));
        meter.Start();
        await using var service = await TallyService.Start(servers, await servers.NewDatabase(), bus => bus
            .Do<CountUp>((m, _, _) => m.By == 2 ? throw new InvalidOperationException("two is not counted") : Task.CompletedTask));
        await service.Send("run-1", CountUp(1, 3));

        await Settled(service, 3);

        Assert.Equal(0, await service.Scalar<long>("select count(*) from ap_passed where reason = 'lost'"));
        Assert.Equal(1, await service.Scalar<long>("select count(*) from ap_dead_letters"));
        Assert.Equal(0, Interlocked.Read(ref resent));
    }

    [Fact]
    public async Task Numbers_have_no_holes_whatever_was_rolled_back()
    {
        await using var service = await Counting(await servers.NewDatabase());
        await Assert.ThrowsAsync<OperationCanceledException>(() => service.Writer.Write(
            Tally.Kind, "outside", _ => ([], CountUp(7, 1)), _ => throw new OperationCanceledException(), Ct));
        await service.Send("run-1", CountUp(1, 4));
        await service.Send("run-1", [new CountUp(_tally, 5).In(TimeSpan.FromMilliseconds(50)), new CountUp(_tally, 6)]);

        await Counted(service, total: 21, times: 6);

        Assert.Equal("1,2,3,4,5,6", await service.Scalar<string>("select string_agg(position::text, ',' order by position) from ap_sent join ap_channels c on c.id = channel where name = 'commands.sessions.count-up'"));
    }

    private object[] CountUp(int from, int times) => [.. Enumerable.Range(from, times).Select(n => new CountUp(_tally, n))];

    private Task<TallyService> Counting(string database) => TallyService.Start(servers, database, DeliveryTests.CountingOn);

    /// <summary>Messages that nobody took yet: published by a service that handles nothing, and is gone.</summary>
    private async Task Publish(string database, int times)
    {
        await using var service = await TallyService.Start(servers, database, bus => { });
        await service.Send("run-1", CountUp(1, times));
        await Eventually.True(async () => await service.Scalar<long>(TallyService.Unpublished) == 0, "everything published");
    }

    private async Task Counted(TallyService service, int total, int times)
    {
        await Eventually.Get(() => service.Read(_tally), tally => tally.Times >= times, $"{times} counts");
        Assert.Equal(new Tally(total, times), await service.Read(_tally));
    }

    private static Task<long> Settled(TallyService service, long position) =>
        Eventually.Get(() => service.Scalar<long>("select coalesce(max(settled), 0) from ap_marks"), settled => settled == position, $"settled up to {position}");

    private async Task<JsonElement> Ask(string what, object? body = null)
    {
        using var link = new NatsLink("test", new MessagingOptions { Url = servers.Nats.Url }, NullLogger<NatsLink>.Instance);
        await link.WaitConnected(Ct);
        return JsonSerializer.Deserialize<JsonElement>(await link.Request($"$JS.API.{what}.{TallyService.Streams}_{JetStream.Commands}", body is null ? [] : JsonSerializer.SerializeToUtf8Bytes(body), Ct));
    }
}
