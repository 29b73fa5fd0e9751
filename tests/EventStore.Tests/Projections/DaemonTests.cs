using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using AgentPlatform.Provisioning.Postgres;
using AgentPlatform.Testing;
using Npgsql;

namespace AgentPlatform.EventStore.Tests.Projections;

public sealed class DaemonTests(Servers servers)
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task What_was_appended_is_in_the_rows_once_the_daemon_has_caught_up()
    {
        await using var replica = await Replica.Start(await servers.NewDatabase(), new Totals());
        await replica.Raise("a", 3);
        await replica.Raise("b", 5);
        await replica.Raise("a", 4);

        await replica.CaughtUp();

        Assert.Equal(new Total("counter-a", 7, 3, 3), await replica.Total("a"));
        Assert.Equal(new Total("counter-b", 5, 2, 2), await replica.Total("b"));
        Assert.Equal([1, 2, 3, 4, 5], await replica.Applied());
        Assert.Equal(5, await replica.Scalar<long>("select last_seq_id from mt_event_progression where name = 'Totals:All'"));
    }

    [Fact]
    public async Task Whoever_waits_for_what_was_just_stored_reads_it_in_whichever_process()
    {
        var database = await servers.NewDatabase();
        await using var leader = await Replica.Start(database, new Totals());
        await Eventually.True(async () => (await leader.Status()).IsLedHere, "a leader");
        await using var other = await Replica.Start(database, new Totals());

        await leader.Raise("a", 1);
        await Replica.Within(ct => other.Daemon.WaitFor("Totals", 2, ct), "the two events");

        Assert.Equal(1, (await other.Total("a"))!.Sum);
        Assert.False((await other.Status()).IsLedHere);
    }

    [Fact]
    public async Task Events_of_other_streams_move_the_progress_and_nothing_else()
    {
        await using var replica = await Replica.Start(await servers.NewDatabase(), new Totals());
        var session = replica.Store.Open();
        session.Append("somethingelse-a", ExpectedVersion.Any, new CounterEvent.Raised(1));
        await session.SaveChanges(Ct);

        await replica.CaughtUp();

        Assert.Empty(await replica.Applied());
        Assert.Equal((1, 0), ((await replica.Status()).Position, (await replica.Status()).Behind));
    }

    [Fact]
    public async Task Another_replica_takes_over_when_the_leader_is_gone()
    {
        var database = await servers.NewDatabase();
        var first = await Replica.Start(database, new Totals());
        await first.Raise("a", 1);
        await first.CaughtUp();
        await using var second = await Replica.Start(database, new Totals());

        await first.Stop();
        await second.Raise("a", 2);
        await second.CaughtUp();

        Assert.Equal(new Total("counter-a", 3, 3, 3), await second.Total("a"));
        Assert.True((await second.Status()).IsLedHere);
    }

    [Fact]
    public async Task A_leader_whose_lock_is_gone_stops_at_once_and_applies_nothing_twice()
    {
        var database = await servers.NewDatabase();
        var held = new TaskCompletionSource();
        var release = new TaskCompletionSource();
        await using var first = await Replica.Start(database, new Totals(before: async _ =>
        {
            held.TrySetResult();
            await release.Task;
        }));
        await first.Raise("a", 1);
        await held.Task.WaitAsync(TimeSpan.FromSeconds(30), Ct);

        // The connection that holds the lock dies; the second leads and applies, while the first is still in the middle.
        await first.Scalar<long>("select count(pg_terminate_backend(pid)) from pg_locks where locktype = 'advisory' and database = (select oid from pg_database where datname = current_database())");
        await using var second = await Replica.Start(database, new Totals());
        await second.CaughtUp();
        release.SetResult();
        await second.Raise("a", 1);
        await second.CaughtUp();

        Assert.Equal([1, 2, 3], await second.Applied());
        Assert.Equal(new Total("counter-a", 2, 3, 3), await second.Total("a"));
    }

    [Fact]
    public async Task A_leader_that_does_not_know_yet_that_it_lost_stores_nothing()
    {
        var overtaken = false;
        NpgsqlDataSource? database = null;
        await using var replica = await Replica.Start(await servers.NewDatabase(), new Totals(before: async e =>
        {
            if (!overtaken)
            {
                // Somebody else stores the same event while this one believes that it leads.
                overtaken = true;
                await using var other = database!.CreateBatch();
                other.BatchCommands.Add(new("insert into diary (seq_id, stream, version) values (1, 'by the other', 1)"));
                other.BatchCommands.Add(new("update mt_event_progression set last_seq_id = 1 where name = 'Totals:All'"));
                await other.ExecuteNonQueryAsync();
            }
        }));
        database = replica.Store.Database;

        await replica.Raise("a", 1);
        await replica.CaughtUp();

        Assert.True(overtaken);
        Assert.Equal([1, 2], await replica.Applied());
        Assert.Equal("by the other", await replica.Scalar<string>("select stream from diary where seq_id = 1"));
        Assert.Equal(1, (await replica.Total("a"))!.Events);
    }

    [Fact]
    public async Task A_killed_PostgreSQL_is_waited_out_and_parks_nothing()
    {
        await using var server = await PostgresServer.StartTemporaryAsync(ct: Ct);
        await server.EnsureDatabaseAsync("events", Ct);
        await using var replica = await Replica.Start(server.ConnectionString("events"), new Totals());
        for (var round = 0; round < 3; round++)
        {
            for (var i = 0; i < 20; i++)
            {
                await replica.Raise("a", 1);
            }

            await server.KillAsync();
            await server.StartAsync(Ct);
            await Eventually.True(() => Answers(replica), "PostgreSQL to answer again");
        }

        await Eventually.True(
            async () =>
            {
                await Answers(replica);
                return (await replica.Committed()).SequenceEqual(await replica.Applied());
            },
            "every event that was committed");

        Assert.Equal(61, (await replica.Applied()).Count);
        Assert.Equal(60, (await replica.Total("a"))!.Sum);
        Assert.Equal(0, await replica.Scalar<long>("select count(*) from ap_parked_events"));
    }

    [Fact]
    public async Task A_batch_is_bounded_by_number_and_by_size()
    {
        var database = await servers.NewDatabase();
        await using (var writer = await Replica.Start(database))
        {
            for (var i = 0; i < 25; i++)
            {
                await writer.Raise("a", 1);
            }
        }

        var sizes = new ConcurrentQueue<int>();
        await using var byNumber = await Replica.Start(database, new ProjectionOptions { BatchEventsMax = 10 }, [new Sizes("ByNumber", sizes)]);
        await byNumber.CaughtUp();
        Assert.Equal([10, 10, 6], sizes);

        sizes.Clear();
        await using var bySize = await Replica.Start(database, new ProjectionOptions { BatchBytesMax = 1 }, [new Sizes("BySize", sizes)]);
        await bySize.CaughtUp();
        Assert.Equal(Enumerable.Repeat(1, 26), sizes);
    }

    [Fact]
    public async Task The_lag_is_told_in_events_and_in_seconds()
    {
        var release = new TaskCompletionSource();
        var seen = new ConcurrentDictionary<string, double>(StringComparer.Ordinal);
        using var listener = new MeterListener
        {
            InstrumentPublished = (instrument, l) =>
            {
                if (instrument.Meter.Name == "AgentPlatform.EventStore")
                {
                    l.EnableMeasurementEvents(instrument);
                }
            },
        };
        void Keep<T>(Instrument instrument, T value, ReadOnlySpan<KeyValuePair<string, object?>> tags, object? state)
            where T : struct, IConvertible
        {
            if (tags.Length > 0 && (string?)tags[0].Value == "Lagging")
            {
                seen[instrument.Name] = value.ToDouble(null);
            }
        }

        listener.SetMeasurementEventCallback<long>(Keep);
        listener.SetMeasurementEventCallback<double>(Keep);
        listener.Start();
        await using var replica = await Replica.Start(await servers.NewDatabase(), new Sizes("Lagging", [], release.Task));
        await replica.Raise("a", 1);

        await Eventually.True(
            () =>
            {
                listener.RecordObservableInstruments();
                return Task.FromResult(seen.GetValueOrDefault("agentplatform.projection.lag") == 2 && seen.GetValueOrDefault("agentplatform.projection.lag.age") > 0);
            },
            "two events behind, for a while");
        Assert.Equal(0, seen["agentplatform.projection.position"]);
        release.SetResult();
        await replica.CaughtUp();
        await Eventually.True(
            () =>
            {
                listener.RecordObservableInstruments();
                return Task.FromResult((seen["agentplatform.projection.lag"], seen["agentplatform.projection.lag.age"], seen["agentplatform.projection.position"], seen.GetValueOrDefault("agentplatform.projection.applied")) == (0, 0, 2, 2));
            },
            "no lag");
    }

    [Fact]
    public void Two_projections_that_claim_the_same_rows_stop_the_start()
    {
        var refused = Assert.Throws<InvalidOperationException>(() => Build(new Totals(), new Renamed()));

        Assert.Equal("Two projections claim the list 'totals'; it belongs to one", refused.Message);
    }

    [Fact]
    public void Options_that_cannot_be_stop_the_start()
    {
        var refused = Assert.Throws<InvalidOperationException>(() => new ProjectionOptions { BatchEventsMax = 0 }.Validate());

        Assert.StartsWith("Projections: BatchEventsMax and BatchBytesMax must be at least 1", refused.Message, StringComparison.Ordinal);
    }

    private ProjectionDaemon Build(params Projection[] projections)
    {
        using var source = NpgsqlDataSource.Create(servers.Postgres.ConnectionString("postgres"));
        var options = new EventStoreOptions();
        using var signal = new StoreSignal(source, options, Microsoft.Extensions.Logging.Abstractions.NullLogger<StoreSignal>.Instance);
        var store = new PostgresEventStore(source, EventTypes.Of(typeof(CounterEvent)), options, System.Text.Json.JsonSerializerOptions.Web, signal, TimeProvider.System);
        return new ProjectionDaemon(store, projections, new ProjectionOptions(), TimeProvider.System, Microsoft.Extensions.Logging.Abstractions.NullLogger<ProjectionDaemon>.Instance);
    }

    private static async Task<bool> Answers(Replica replica)
    {
        try
        {
            return await replica.Scalar<int>("select 1") == 1;
        }
        catch (NpgsqlException)
        {
            return false;
        }
    }

    private sealed class Renamed : Projection
    {
        public override string Name => "Renamed";

        public override int Version => 1;

        public override IReadOnlyList<string> Views => ["totals"];

        public override Task Apply(IReadOnlyList<ProjectedEvent> events, ProjectionBatch batch, CancellationToken ct) => Task.CompletedTask;
    }

    private sealed class Sizes(string name, ConcurrentQueue<int> sizes, Task? gate = null) : Projection
    {
        public override string Name => name;

        public override int Version => 1;

        public override async Task Apply(IReadOnlyList<ProjectedEvent> events, ProjectionBatch batch, CancellationToken ct)
        {
            await (gate ?? Task.CompletedTask);
            sizes.Enqueue(events.Count);
        }
    }
}
