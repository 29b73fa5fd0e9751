using AgentPlatform.Testing;

namespace AgentPlatform.EventStore.Tests.Projections;

public sealed class RebuildTests(Servers servers)
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_rebuild_goes_on_beside_appends_and_misses_none()
    {
        await using var replica = await Replica.Start(await servers.NewDatabase(), new ProjectionOptions { BatchEventsMax = 7 }, [new Totals()]);
        await Raise(replica, 60);
        await replica.CaughtUp();
        await replica.Scalar<long>("with spoilt as (update ap_views set data = '{\"stream\":\"counter-a\",\"sum\":-1,\"events\":0,\"lastVersion\":0}' where kind = 'totals' returning 1) select count(*) from spoilt");

        var appending = Raise(replica, 60);
        await replica.Daemon.Rebuild("Totals", Ct);
        await replica.Rebuilt();
        await appending;
        await replica.CaughtUp();

        Assert.Equal(new Total("counter-a", 120, 121, 121), await replica.Total("a"));
        Assert.Equal(await replica.Committed(), await replica.Applied());
        Assert.Equal(["totals"], await replica.Scalar<string[]>("select array_agg(distinct kind::text) from ap_views where kind like 'totals%'"));
        Assert.False(await replica.Scalar<bool>("select exists (select 1 from pg_tables where tablename = 'diary__next')"));
        Assert.Equal(["Totals:All"], await replica.Scalar<string[]>("select array_agg(name::text) from mt_event_progression"));
    }

    [Fact]
    public async Task A_new_version_is_built_beside_the_old_rows_which_are_served_until_it_has_caught_up()
    {
        var database = await servers.NewDatabase();
        await using (var old = await Replica.Start(database, new Totals()))
        {
            await Raise(old, 10);
            await old.CaughtUp();
        }

        var release = new TaskCompletionSource();
        await using var replica = await Replica.Start(database, new Totals(version: 2, factor: 100, before: e => e.Stored.Sequence == 8 ? release.Task : Task.CompletedTask));
        var building = await Eventually.Get(replica.Status, s => s.Building is not null, "the build");
        Assert.Equal((1, 2), (building.Version, building.Building));
        Assert.Equal(10, (await replica.Total("a"))!.Sum);

        release.SetResult();
        await replica.Rebuilt();
        await Raise(replica, 1);
        await replica.CaughtUp();

        Assert.Equal((2, null), ((await replica.Status()).Version, (await replica.Status()).Building));
        Assert.Equal(new Total("counter-a", 1_100, 12, 12), await replica.Total("a"));
        Assert.Equal(await replica.Committed(), await replica.Applied());
    }

    [Fact]
    public async Task An_interrupted_rebuild_is_taken_up_where_it_was()
    {
        var database = await servers.NewDatabase();
        await using (var old = await Replica.Start(database, new Totals()))
        {
            await Raise(old, 20);
            await old.CaughtUp();
        }

        var stuck = new TaskCompletionSource();
        var first = await Replica.Start(database, new ProjectionOptions { BatchEventsMax = 5 }, [new Totals(version: 2, before: e => e.Stored.Sequence == 12 ? stuck.Task : Task.CompletedTask)]);
        await Eventually.Get(first.Status, s => s.BuiltTo == 10, "half of the build");
        var stopping = first.Stop();
        stuck.SetCanceled(Ct);
        await stopping;

        var again = new List<long>();
        await using var second = await Replica.Start(database, new ProjectionOptions { BatchEventsMax = 5 }, [new Totals(version: 2, before: e =>
        {
            again.Add(e.Stored.Sequence);
            return Task.CompletedTask;
        })]);
        await second.Rebuilt();

        Assert.Equal(Enumerable.Range(11, 11).Select(n => (long)n), again);
        Assert.Equal(new Total("counter-a", 20, 21, 21), await second.Total("a"));
        Assert.Equal(await second.Committed(), await second.Applied());
    }

    [Fact]
    public async Task A_build_of_a_version_that_is_not_wanted_any_more_is_thrown_away()
    {
        var database = await servers.NewDatabase();
        await using (var old = await Replica.Start(database, new Totals()))
        {
            await Raise(old, 20);
            await old.CaughtUp();
        }

        var stuck = new TaskCompletionSource();
        var second = await Replica.Start(database, new ProjectionOptions { BatchEventsMax = 5 }, [new Totals(version: 2, factor: 100, before: e => e.Stored.Sequence == 12 ? stuck.Task : Task.CompletedTask)]);
        await Eventually.Get(second.Status, s => s.BuiltTo == 10, "half of the build");
        var stopping = second.Stop();
        stuck.SetCanceled(Ct);
        await stopping;

        await using var third = await Replica.Start(database, new Totals(version: 3, factor: 1_000));
        await third.Rebuilt();

        Assert.Equal(new Total("counter-a", 20_000, 21, 21), await third.Total("a"));
        Assert.Equal(await third.Committed(), await third.Applied());
    }

    [Fact]
    public async Task An_older_process_stands_aside_and_can_be_told_to_go_back()
    {
        var database = await servers.NewDatabase();
        await using (var newer = await Replica.Start(database, new Totals(version: 2, factor: 100)))
        {
            await Raise(newer, 3);
            await newer.CaughtUp();
        }

        await using var older = await Replica.Start(database, new Totals());
        await Raise(older, 1);
        Assert.Equal(300, (await older.Total("a"))!.Sum);

        await older.Daemon.Rebuild("Totals", Ct);
        await Eventually.Get(older.Status, s => s is { Version: 1, Building: null }, "version 1 again");

        Assert.Equal(new Total("counter-a", 4, 5, 5), await older.Total("a"));
    }

    [Fact]
    public async Task What_a_rebuild_could_not_apply_is_parked_in_the_place_of_what_was_parked_before()
    {
        var database = await servers.NewDatabase();
        await using (var old = await Replica.Start(database, new Totals(before: e => Refuse(e, 2))))
        {
            await Raise(old, 4);
            await old.CaughtUp();
        }

        await using var replica = await Replica.Start(database, new Totals(version: 2, before: e => Refuse(e, 4)));
        await replica.Rebuilt();

        Assert.Equal(4, Assert.Single(await replica.Daemon.Parked("Totals", 0, 10, Ct)).Sequence);
        Assert.Equal([1, 2, 3, 5], await replica.Applied());
    }

    private static Task Refuse(ProjectedEvent e, long sequence) => e.Stored.Sequence == sequence ? throw new InvalidOperationException("no") : Task.CompletedTask;

    private static async Task Raise(Replica replica, int times)
    {
        for (var i = 0; i < times; i++)
        {
            await replica.Raise("a", 1);
        }
    }
}
