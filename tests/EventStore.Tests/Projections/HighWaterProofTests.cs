using AgentPlatform.Testing;
using Npgsql;

namespace AgentPlatform.EventStore.Tests.Projections;

/// <summary>
/// The promise a projection rests on: whatever writers do and whoever leads, each committed event is applied once, in the order of the store, and what rolled
/// back never is.
/// </summary>
public sealed class HighWaterProofTests(Servers servers)
{
    // As Marten's append function does: number and row in one statement, and a transaction id only with the row.
    private const string MartenStyle =
        """
        with stream as (
            insert into mt_streams (id, version) values ($1, 1) on conflict (id) do update set version = mt_streams.version + 1 returning id, version)
        insert into mt_events (seq_id, id, stream_id, version, data, type, timestamp)
        select nextval('mt_events_sequence'), gen_random_uuid(), id, version, '{"By":1}', 'counter-raised.1', now() from stream
        """;

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    [InlineData(5)]
    [InlineData(6)]
    public async Task Every_committed_event_is_applied_once_and_in_order_whatever_writers_and_leaders_do(int seed)
    {
        const int writers = 8, rounds = 24;
        var database = await servers.NewDatabase();
        await using var watching = await Replica.Start(database);
        await using var replicas = new Replicas(database, seed);
        await replicas.Begin(3);

        var writing = Task.WhenAll(Enumerable.Range(0, writers).Select(writer => Task.Run(() => Write(watching.Store, writer, rounds, new Random((seed * 1_000) + writer)), Ct)));
        while (!writing.IsCompleted)
        {
            await replicas.Disturb(watching);
        }

        await writing;
        var committed = await watching.Committed();
        await Replica.Within(ct => replicas.Any.Daemon.CaughtUp(ct), $"the projection of seed {seed}");
        var applied = await watching.Applied();

        Assert.True(committed.SequenceEqual(applied), $"seed {seed}: {applied.Count} applied, {committed.Count} committed; missing {string.Join(',', committed.Except(applied))}, not in order {string.Join(',', applied.Zip(applied.Skip(1)).Where(p => p.First >= p.Second))}");
        Assert.Equal(committed.Count, await watching.Scalar<long>("select sum((data->>'events')::int) from ap_views where kind = 'totals'"));
        Assert.Equal(0, await watching.Scalar<long>("select count(*) from ap_parked_events"));
        Assert.True(committed.Count < await watching.Scalar<long>("select last_value from mt_events_sequence"), $"seed {seed}: nothing rolled back, so nothing was proven");

        // What a projection saw of one stream is the stream: versions ascend without a gap.
        Assert.Equal(0, await watching.Scalar<long>("select count(*) from (select version - row_number() over (partition by stream order by place) as gap from diary) d where gap <> 0"));
    }

    [Fact]
    public async Task Holes_are_recorded_and_a_backlog_of_them_takes_one_proof()
    {
        await using var replica = await Replica.Start(await servers.NewDatabase(), new ProjectionOptions(), [], holeGrace: TimeSpan.FromMilliseconds(200));
        for (var i = 0; i < 100; i++)
        {
            await replica.Scalar<long>("select nextval('mt_events_sequence')");
            await replica.Raise($"a{i}", 1);
        }

        // A hundred holes of 200 ms each would take twenty seconds.
        using var reader = new HighWater(replica.Store.Database, TimeSpan.FromMilliseconds(200), TimeProvider.System);
        await Eventually.Get(() => reader.Advance(Ct), mark => mark == 300, "the end of the backlog", within: TimeSpan.FromSeconds(10));

        Assert.False(reader.IsAtHole);
        Assert.Equal(100, await replica.Scalar<long>("select count(*) from mt_high_water_skips"));
        Assert.Equal(
            0, await replica.Scalar<long>("select count(*) from mt_high_water_skips s join mt_events e on e.seq_id > s.starting_sequence and e.seq_id <= s.ending_sequence"));
        Assert.Equal(new long[] { 0, 1 }, await replica.Scalar<long[]>("select array[starting_sequence, ending_sequence] from mt_high_water_skips order by 1 limit 1"));
    }

    [Fact]
    public async Task A_replica_that_starts_while_a_transaction_is_open_does_not_wait_for_it()
    {
        var database = await servers.NewDatabase();
        await using var first = await Replica.Start(database, new Totals());
        await using var connection = await first.Store.Database.OpenConnectionAsync(Ct);
        await using var transaction = await connection.BeginTransactionAsync(Ct);
        await using (var append = new NpgsqlCommand(MartenStyle, connection, transaction) { Parameters = { new() { Value = "counter-slow" } } })
        {
            await append.ExecuteNonQueryAsync(Ct);
        }

        await using var second = await Replica.Start(database, new Totals()).WaitAsync(TimeSpan.FromSeconds(20), Ct);
        await second.Raise("a", 1).WaitAsync(TimeSpan.FromSeconds(20), Ct);

        await transaction.CommitAsync(Ct);
        await second.CaughtUp();
        Assert.Equal([1, 2, 3], await second.Applied());
    }

    private static async Task Write(PostgresEventStore store, int writer, int rounds, Random chance)
    {
        for (var round = 0; round < rounds; round++)
        {
            switch (chance.Next(10))
            {
                case 0:
                    await InTransaction(store, chance, commit: false, $"counter-lost{writer}");
                    break;
                case 1:
                    await InTransaction(store, chance, commit: true, $"counter-slow{writer}");
                    break;
                case 2:
                    await InTransaction(store, chance, commit: true, $"counter-shared{chance.Next(3)}");
                    break;
                case 3:
                    await StaleAppend(store, writer);
                    break;
                case 4:
                    await Draw(store);
                    break;
                default:
                    await AppendTests.Raise(store, $"w{writer}", 1);
                    break;
            }
        }
    }

    // A transaction that stays open after it has drawn, for as long as it takes others to append.
    private static async Task InTransaction(PostgresEventStore store, Random chance, bool commit, string stream)
    {
        await using var connection = await store.Database.OpenConnectionAsync(Ct);
        await using var transaction = await connection.BeginTransactionAsync(Ct);
        for (var i = chance.Next(3); i >= 0; i--)
        {
            await using var append = new NpgsqlCommand(MartenStyle, connection, transaction) { Parameters = { new() { Value = stream } } };
            await append.ExecuteNonQueryAsync(Ct);
        }

        for (var i = chance.Next(12); i >= 0; i--)
        {
            await AppendTests.Raise(store, $"beside{chance.Next(1_000_000)}", 1);
        }

        if (commit)
        {
            await transaction.CommitAsync(Ct);
        }
        else
        {
            await transaction.RollbackAsync(Ct);
        }
    }

    private static async Task StaleAppend(PostgresEventStore store, int writer)
    {
        var session = store.Open();
        session.Append($"counter-w{writer}", ExpectedVersion.Exactly(1_000_000), new CounterEvent.Raised(1));
        await Assert.ThrowsAsync<StreamConflictException>(() => session.SaveChanges(Ct));
    }

    private static async Task Draw(PostgresEventStore store)
    {
        await using var draw = store.Database.CreateCommand("select nextval('mt_events_sequence')");
        await draw.ExecuteScalarAsync(Ct);
    }

    /// <summary>Replicas that come and go, by seed.</summary>
    private sealed class Replicas(string database, int seed) : IAsyncDisposable
    {
        private readonly List<Replica> _all = [];
        private readonly Random _chance = new(seed);

        public Replica Any => _all[0];

        public async Task Begin(int count)
        {
            while (_all.Count < count)
            {
                _all.Add(await Replica.Start(database, new ProjectionOptions { BatchEventsMax = 16 }, [new Totals()]));
            }
        }

        public async Task Disturb(Replica watching)
        {
            if (_chance.Next(2) == 0)
            {
                await watching.Scalar<long>("select count(pg_terminate_backend(pid)) from pg_locks where locktype = 'advisory' and granted and database = (select oid from pg_database where datname = current_database())");
            }
            else
            {
                var gone = _all[_chance.Next(_all.Count)];
                _all.Remove(gone);
                await gone.Stop();
                await Begin(3);
            }
        }

        public async ValueTask DisposeAsync()
        {
            foreach (var replica in _all)
            {
                await replica.DisposeAsync();
            }
        }
    }
}
