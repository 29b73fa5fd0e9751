using System.Collections.Concurrent;
using System.Text.Json;
using AgentPlatform.Contracts;
using AgentPlatform.Testing;

namespace AgentPlatform.Messaging.Tests;

public sealed class DeliveryTests(Servers servers)
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    private static (TallyEvent[] Facts, object[] Outgoing) Count(CountUp message, Tally tally, MessageContext context) =>
        ([new TallyEvent.Raised(message.By)], [new Counted(message.Tally, tally.Total + message.By)]);

    internal static void CountingOn(Bus bus) => Counting(bus);

    private static Bus Counting(Bus bus) => bus.On<CountUp, Tally, TallyEvent>(Tally.Kind, m => m.Tally, Count);

    [Fact]
    public async Task A_command_takes_effect_once_and_its_event_reaches_whoever_listens()
    {
        var heard = new ConcurrentBag<Counted>();
        var tally = Name();
        await using var service = await TallyService.Start(servers, await servers.NewDatabase(), bus => Counting(bus).Do<Counted>(async (m, context, ct) =>
        {
            heard.Add(m);
            await Task.CompletedTask;
        }));

        await service.Send("run-1", [.. Enumerable.Range(1, 20).Select(n => new CountUp(tally, n))]);

        await Eventually.True(() => Task.FromResult(heard.Count(c => c.Tally == tally) == 20), "20 events");
        Assert.Equal(new Tally(210, 20), await service.Read(tally));

        // One run, one order: every total follows from the one before.
        Assert.Equal(Enumerable.Range(1, 20).Select(n => n * (n + 1) / 2), heard.Where(c => c.Tally == tally).Select(c => c.Total).Order());
    }

    [Fact]
    public Task A_message_told_twice_counts_once() => CountsOnceThoughToldAgain();

    // As after retention: the row is gone, and the mark says that everything up to there was handled.
    [Fact]
    public Task A_message_told_again_after_the_inbox_forgot_it_counts_once_all_the_same() => CountsOnceThoughToldAgain(
        "with marked as (update ap_marks set settled = 1 where handler like '%count-up' returning 1), gone as (delete from ap_inbox where mark is not null returning 1) select count(*) from gone");

    [Fact]
    public async Task A_handler_that_keeps_failing_ends_among_the_dead_letters_with_its_cause()
    {
        var tries = 0;
        await using var service = await TallyService.Start(servers, await servers.NewDatabase(), bus => bus.Do<CountUp>((_, _, _) =>
        {
            Interlocked.Increment(ref tries);
            throw new InvalidOperationException("the abacus is broken");
        }));

        await service.Send("run-1", new CountUp(Name(), 1));

        await Eventually.True(async () => await service.Scalar<long>("select count(*) from ap_dead_letters") == 1, "the dead letter");
        Assert.Equal(3, tries);
        Assert.Equal("InvalidOperationException: the abacus is broken", await service.Scalar<string>("select cause from ap_dead_letters"));
    }

    [Fact]
    public async Task A_message_nobody_can_read_does_not_stop_the_others()
    {
        var tally = Name();
        await using var service = await TallyService.Start(servers, await servers.NewDatabase(), bus => Counting(bus));
        await service.Publish("commands.sessions.count-up", "not json"u8.ToArray());

        await service.Send("run-1", new CountUp(tally, 4));

        await Eventually.True(async () => (await service.Read(tally)).Total == 4, "the readable one");
        await Eventually.True(async () => await service.Scalar<long>("select count(*) from ap_dead_letters") == 1, "the unreadable one among the dead letters");
    }

    [Fact]
    public async Task What_is_stored_while_NATS_is_away_arrives_when_it_is_back()
    {
        var tally = Name();
        await using var service = await TallyService.Start(servers, await servers.NewDatabase(), bus => Counting(bus));
        await service.Send("run-1", new CountUp(tally, 1));
        await Eventually.True(async () => (await service.Read(tally)).Times == 1, "the first count");

        await servers.Nats.KillAsync();
        await service.Send("run-1", new CountUp(tally, 2), new CountUp(tally, 3));
        await servers.Nats.StartAsync();

        await Eventually.True(async () => (await service.Read(tally)).Times == 3, "the counts from the time without NATS");
        Assert.Equal(6, (await service.Read(tally)).Total);
    }

    [Fact]
    public async Task A_service_that_died_in_the_middle_goes_on_where_it_was()
    {
        var tally = Name();
        var database = await servers.NewDatabase();
        await using (var first = await TallyService.Start(servers, database, bus => bus.Do<CountUp>((_, _, ct) => Task.Delay(Timeout.InfiniteTimeSpan, ct)), o => o with { DrainMax = TimeSpan.Zero }))
        {
            await first.Send("run-1", new CountUp(tally, 8));
            await Eventually.True(async () => await first.Scalar<long>(TallyService.Unpublished) == 0, "the message on its way");
        }

        await using var second = await TallyService.Start(servers, database, bus => Counting(bus));

        await Eventually.True(async () => (await second.Read(tally)).Total == 8, "the message that was in the dead process's hands");
    }

    [Fact]
    public async Task A_time_out_arrives_later_not_at_once()
    {
        var tally = Name();
        await using var service = await TallyService.Start(servers, await servers.NewDatabase(), bus => Counting(bus));
        await service.Send("run-1", new CountUp(tally, 1).In(TimeSpan.FromMilliseconds(400)), new CountUp(tally, 2));

        await Eventually.True(async () => (await service.Read(tally)).Total == 2, "the one without delay first");
        await Eventually.True(async () => (await service.Read(tally)).Total == 3, "the delayed one");
    }

    [Fact]
    public async Task Every_fact_is_handed_to_Audit_in_order_without_a_gap()
    {
        var tally = Name();
        await using var service = await TallyService.Start(servers, await servers.NewDatabase(), bus => Counting(bus));
        using var link = new NatsLink("audit", new MessagingOptions { Url = servers.Nats.Url }, Microsoft.Extensions.Logging.Abstractions.NullLogger<NatsLink>.Instance);
        var received = new ConcurrentQueue<RecordFacts>();
        using var subscription = link.Subscribe($"{TallyService.Streams}.commands.audit.record-facts", (_, _, bytes) =>
        {
            var facts = JsonSerializer.Deserialize<CloudEvent>(bytes, ContractJson.Options)!.Data.Deserialize<RecordFacts>(ContractJson.Options)!;
            received.Enqueue(facts);
        });
        await link.WaitConnected(Ct);

        await service.Send("run-1", [.. Enumerable.Range(1, 30).Select(n => new CountUp(tally, n))]);

        await Eventually.True(() => Task.FromResult(received.Sum(r => r.Facts.Length) >= 30), "30 facts");
        var sequences = received.SelectMany(r => r.Facts).Select(f => f.Sequence).ToList();
        Assert.Equal(Enumerable.Range(1, 30).Select(n => (long)n), sequences);
        Assert.Equal([0, .. received.SkipLast(1).Select(r => r.Facts[^1].Sequence)], received.Select(r => r.AfterSequence));
    }

    [Fact]
    public void Two_handlers_for_one_message_stop_the_start()
    {
        var refused = Assert.Throws<InvalidOperationException>(() => Counting(Counting(new Bus(ServiceNames.Sessions))));

        Assert.Equal("sessions has two handlers for CountUp; a message has one", refused.Message);
    }

    [Fact]
    public void A_command_of_another_service_stops_the_start()
    {
        var refused = Assert.Throws<InvalidOperationException>(() => Counting(new Bus(ServiceNames.Audit)));

        Assert.Equal("CountUp is a command to sessions; audit cannot handle it", refused.Message);
    }

    private async Task CountsOnceThoughToldAgain(params string[] meanwhile)
    {
        var tally = Name();
        await using var service = await TallyService.Start(servers, await servers.NewDatabase(), bus => Counting(bus));
        await service.Send("run-1", new CountUp(tally, 5));
        await Eventually.True(async () => (await service.Read(tally)).Times == 1, "the first count");
        foreach (var change in meanwhile)
        {
            await service.Scalar<long>(change);
        }

        // As after a crash between the acknowledgement of JetStream and the mark in the outbox.
        await service.Scalar<long>("with again as (update ap_channels set published = 0 returning 1) select count(*) from again");
        await service.Dethrone();
        await service.Send("run-1", new CountUp(tally, 7));

        await Eventually.True(async () => (await service.Read(tally)).Total >= 12, "the second count");
        await Eventually.True(async () => await service.Scalar<long>(TallyService.Unpublished) == 0, "an empty outbox");
        Assert.Equal(new Tally(12, 2), await service.Read(tally));
    }

    private static string Name() => Guid.CreateVersion7().ToString("n");
}
