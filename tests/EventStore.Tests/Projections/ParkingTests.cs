using AgentPlatform.Testing;

namespace AgentPlatform.EventStore.Tests.Projections;

public sealed class ParkingTests(Servers servers)
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_poison_event_is_parked_alone_and_the_others_go_on()
    {
        var database = await servers.NewDatabase();
        await Write(database, [1, 2, 13, 4, 5]);
        await using var replica = await Replica.Start(database, new Totals(before: Superstition));

        await replica.CaughtUp();

        Assert.Equal([1, 2, 3, 5, 6], await replica.Applied());
        Assert.Equal(12, (await replica.Total("a"))!.Sum);
        var parked = Assert.Single(await replica.Daemon.Parked("Totals", 0, 10, Ct));
        Assert.Equal((4, "InvalidOperationException: thirteen is too much", 1, null), (parked.Sequence, parked.Reason, parked.Attempts, parked.RetriedAt));
        Assert.Contains(nameof(Superstition), parked.Stack, StringComparison.Ordinal);
        Assert.Equal((6, 0, 1), ((await replica.Status()).Position, (await replica.Status()).Behind, (await replica.Status()).Parked));
    }

    [Fact]
    public async Task A_parked_event_is_retried_and_takes_effect_once()
    {
        var broken = true;
        var database = await servers.NewDatabase();
        await Write(database, [1, 13, 3]);
        await using var replica = await Replica.Start(database, new Totals(before: e => broken ? Superstition(e) : Task.CompletedTask));
        await replica.CaughtUp();

        // Still broken: it stays, and its attempts are counted.
        Assert.Equal(1, await replica.Daemon.RetryParked("Totals", 3, Ct));
        await Eventually.True(async () => (await replica.Daemon.Parked("Totals", 0, 10, Ct)).Single().Attempts == 2, "the attempt that failed");
        broken = false;
        await replica.Daemon.RetryParked("Totals", sequence: null, Ct);
        await replica.Daemon.RetryParked("Totals", sequence: null, Ct);
        await Eventually.True(async () => (await replica.Status()).Parked == 0, "the retried event");

        Assert.Equal(0, await replica.Daemon.RetryParked("Totals", sequence: null, Ct));
        Assert.Equal([1, 2, 4, 3], await replica.Applied());
        Assert.Equal(new Total("counter-a", 17, 4, 3), await replica.Total("a"));
        Assert.NotNull(Assert.Single(await replica.Daemon.Parked("Totals", 0, 10, Ct)).RetriedAt);
    }

    [Fact]
    public async Task An_event_that_cannot_be_read_is_parked_with_its_cause()
    {
        var database = await servers.NewDatabase();
        await Write(database, [1, 2, 3, 4]);
        await using var replica = await Replica.Start(database);
        await replica.Scalar<long>("with unknown as (update mt_events set type = 'counter-vanished.1' where seq_id = 2 returning 1) select count(*) from unknown");
        await replica.Scalar<long>("""with broken as (update mt_events set data = '{"By":"many"}' where seq_id = 4 returning 1) select count(*) from broken""");
        await using var projecting = await Replica.Start(database, new Totals());

        await projecting.CaughtUp();

        Assert.Equal([1, 3, 5], await projecting.Applied());
        var parked = await projecting.Daemon.Parked("Totals", 0, 10, Ct);
        Assert.Equal([2, 4], parked.Select(p => p.Sequence));
        Assert.Contains("counter-vanished.1", parked[0].Reason, StringComparison.Ordinal);
        Assert.StartsWith("JsonException", parked[1].Reason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_statement_that_PostgreSQL_refuses_is_the_events_fault()
    {
        var database = await servers.NewDatabase();
        await Write(database, [1, 2, 3]);
        await using var replica = await Replica.Start(database, new Totals());
        await replica.CaughtUp();
        await replica.Scalar<long>("with taken as (insert into diary (seq_id, stream, version) values (6, 'taken', 1) returning 1) select count(*) from taken");

        await replica.Raise("a", 4);
        await replica.Raise("a", 5);
        await replica.Raise("a", 6);
        await replica.CaughtUp();

        Assert.Equal(6, Assert.Single(await replica.Daemon.Parked("Totals", 0, 10, Ct)).Sequence);
        Assert.Equal(16, (await replica.Total("a"))!.Sum);
    }

    [Fact]
    public async Task A_projection_that_parks_everything_pauses_instead_and_goes_on_once_it_is_mended()
    {
        var broken = true;
        var database = await servers.NewDatabase();
        await Write(database, [.. Enumerable.Repeat(13, 10)]);
        await using var replica = await Replica.Start(
            database, new ProjectionOptions { ParkedMax = 3 }, [new Totals(before: e => broken ? Superstition(e) : Task.CompletedTask)]);

        var paused = await Eventually.Get(replica.Status, s => s.PausedBecause is not null, "the pause");
        Assert.Equal((3, 4), (paused.Parked, paused.Position));
        Assert.StartsWith("3 events are parked (Projections:ParkedMax) and event 5 cannot be applied either: InvalidOperationException: thirteen", paused.PausedBecause, StringComparison.Ordinal);
        Assert.NotNull(paused.Age);

        broken = false;
        await replica.Daemon.RetryParked("Totals", sequence: null, Ct);
        await replica.CaughtUp();
        Assert.Equal((null, 0), ((await replica.Status()).PausedBecause, (await replica.Status()).Parked));
        Assert.Equal(130, (await replica.Total("a"))!.Sum);
        Assert.Equal(Enumerable.Range(1, 11).Select(n => (long)n), (await replica.Applied()).Order());
    }

    [Fact]
    public async Task A_paused_projection_goes_on_when_somebody_resumes_it_and_pauses_again_if_nothing_was_mended()
    {
        var broken = true;
        var database = await servers.NewDatabase();
        await Write(database, [13, 1]);
        await using var replica = await Replica.Start(database, new ProjectionOptions { ParkedMax = 0 }, [new Totals(before: e => broken ? Superstition(e) : Task.CompletedTask)]);
        await Eventually.Get(replica.Status, s => s.PausedBecause is not null, "the pause");

        await replica.Daemon.Resume("Totals", Ct);
        await Eventually.Get(replica.Status, s => s.PausedBecause is not null, "the second pause");
        broken = false;
        await replica.Daemon.Resume("Totals", Ct);
        await replica.CaughtUp();

        Assert.Equal([1, 2, 3], await replica.Applied());
    }

    [Fact]
    public async Task What_was_retried_with_success_is_forgotten_by_number_and_what_is_parked_stays()
    {
        var broken = true;
        var database = await servers.NewDatabase();
        await Write(database, [13, 13, 13, 13, 1]);
        await using var replica = await Replica.Start(
            database, new ProjectionOptions { RetriedKeptMax = 1, CleanEvery = TimeSpan.FromMilliseconds(1) }, [new Totals(before: e => broken ? Superstition(e) : Task.CompletedTask)]);
        await replica.CaughtUp();
        broken = false;
        foreach (var sequence in new[] { 2, 3, 4 })
        {
            await replica.Daemon.RetryParked("Totals", sequence, Ct);
            await Eventually.True(async () => !(await replica.Daemon.Parked("Totals", sequence - 1, 1, Ct)).Any(p => p.Sequence == sequence && p.RetriedAt is null), "the retry");
        }

        var left = await Eventually.Get(() => replica.Daemon.Parked("Totals", 0, 10, Ct), p => p.Count == 2, "two that are left");
        Assert.Equal([(4L, true), (5L, false)], left.Select(p => (p.Sequence, p.RetriedAt is not null)));
    }

    private static Task Superstition(ProjectedEvent e) =>
        e.Event is CounterEvent.Raised { By: 13 } ? throw new InvalidOperationException("thirteen is too much") : Task.CompletedTask;

    private static async Task Write(string database, int[] raises)
    {
        await using var writer = await Replica.Start(database);
        foreach (var by in raises)
        {
            await writer.Raise("a", by);
        }
    }
}
