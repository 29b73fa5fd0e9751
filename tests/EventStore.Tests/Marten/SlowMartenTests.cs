using AgentPlatform.Testing;
using Npgsql;

namespace AgentPlatform.EventStore.Tests.Marten;

/// <summary>Readers in commit order skip nothing of a Marten that is slow, whichever way it draws its numbers.</summary>
public sealed class SlowMartenTests(Servers servers)
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task An_append_that_is_slow_to_commit_holds_back_what_comes_after_it(bool commits)
    {
        await using var db = await CounterStore.Empty(servers);
        await AppendTests.Raise(db.Store, "slow", 1);
        await using var connection = await db.Database.OpenConnectionAsync(Ct);
        await using var transaction = await connection.BeginTransactionAsync(Ct);
        await MartenWriter.Append(connection, "counter-slow", expected: null, tenant: null, MartenEvent.Raised(1));
        await AppendTests.Raise(db.Store, "fast", 1);

        var seen = new List<long>();
        for (var look = 0; look < 5; look++)
        {
            seen.AddRange((await db.Store.ReadCommitted(2, 100, streams: null, Ct)).Events.Select(e => e.Sequence));
        }

        Assert.Empty(seen);
        await (commits ? transaction.CommitAsync(Ct) : transaction.RollbackAsync(Ct));
        var page = await Eventually.Get(() => db.Store.ReadCommitted(2, 100, streams: null, Ct), p => p.Events.Count > 0, "the events after the slow one");
        Assert.Equal(commits ? [3, 4, 5] : [4, 5], page.Events.Select(e => e.Sequence));
    }

    [Fact]
    public async Task No_number_is_drawn_while_the_stream_belongs_to_another_writer()
    {
        await using var db = await CounterStore.Empty(servers);
        await AppendTests.Raise(db.Store, "a", 1);
        await using var holder = await db.Database.OpenConnectionAsync(Ct);
        await using var transaction = await holder.BeginTransactionAsync(Ct);
        await using (var hold = new NpgsqlCommand("select from mt_streams where id = 'counter-a' for update", holder, transaction))
        {
            await hold.ExecuteNonQueryAsync(Ct);
        }

        var appending = new MartenWriter(db.Database).Append("counter-a", MartenEvent.Raised(1));
        await Eventually.True(async () => await Scalar(db, "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'") == 1, "Marten waits for the stream");
        Assert.Equal(2, await Scalar(db, "select last_value from mt_events_sequence"));
        await transaction.CommitAsync(Ct);
        Assert.Equal([3, 3], await appending);
    }

    [Fact]
    public async Task The_transaction_has_an_id_before_it_draws_a_number()
    {
        // By the id a reader knows whom to wait for. A trigger looks between the draw and the row's insert.
        await using var db = await CounterStore.Empty(servers);
        await AppendTests.Raise(db.Store, "a", 1);
        await using (var look = db.Database.CreateCommand(
            """
            create function has_id() returns trigger language plpgsql as $$
            begin
                if pg_current_xact_id_if_assigned() is null then raise exception 'number % was drawn without an id', new.seq_id; end if;
                return new;
            end $$;
            create trigger has_id before insert on mt_events for each row execute function has_id();
            """))
        {
            await look.ExecuteNonQueryAsync(Ct);
        }

        Assert.Equal([4, 3, 4], await new MartenWriter(db.Database).Append("counter-a", MartenEvent.Raised(1), MartenEvent.Raised(1)));
        await AppendTests.Raise(db.Store, "a", 1);

        await using var careless = db.Database.CreateCommand(
            "insert into mt_events (seq_id, id, stream_id, version, data, type, timestamp) select nextval('mt_events_sequence'), gen_random_uuid(), 'counter-a', 6, '{}', 'x', now()");
        Assert.Contains("drawn without an id", (await Assert.ThrowsAsync<PostgresException>(() => careless.ExecuteNonQueryAsync(Ct))).MessageText, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_number_drawn_before_the_transaction_has_an_id_is_waited_for_as_long_as_the_grace(bool isUsed)
    {
        // Marten's own function, where it replaced ours, and whoever draws first and writes then.
        var clock = new Clock();
        var options = new EventStoreOptions { HoleGrace = TimeSpan.FromMilliseconds(250) };
        await using var db = await CounterStore.Empty(servers, options, clock);
        await AppendTests.Raise(db.Store, "slow", 1);
        await using var connection = await db.Database.OpenConnectionAsync(Ct);
        await using var transaction = await connection.BeginTransactionAsync(Ct);
        Assert.Equal(3, await Scalar(connection, "select nextval('mt_events_sequence')"));
        Assert.Equal(0, await Scalar(connection, "select count(*) from pg_stat_activity where pid = pg_backend_pid() and backend_xid is not null"));
        await AppendTests.Raise(db.Store, "fast", 1);
        for (var look = 0; look < 5; look++)
        {
            Assert.Empty((await db.Store.ReadCommitted(2, 100, streams: null, Ct)).Events);
        }

        if (isUsed)
        {
            await using var insert = new NpgsqlCommand(
                """
                update mt_streams set version = 3 where id = 'counter-slow';
                insert into mt_events (seq_id, id, stream_id, version, data, type, timestamp) values (3, gen_random_uuid(), 'counter-slow', 3, '{"By":1}', 'counter-raised.1', now())
                """, connection, transaction);
            await insert.ExecuteNonQueryAsync(Ct);
        }

        // The grace is over. Whoever had written by then is known and waited for, however long it takes.
        clock.Now += options.HoleGrace;
        for (var look = 0; isUsed && look < 5; look++)
        {
            Assert.Empty((await db.Store.ReadCommitted(2, 100, streams: null, Ct)).Events);
        }

        await transaction.CommitAsync(Ct);
        var page = await Eventually.Get(() => db.Store.ReadCommitted(2, 100, streams: null, Ct), p => p.Events.Count > 0, "the events after the slow one");
        Assert.Equal(isUsed ? [3, 4, 5] : [4, 5], page.Events.Select(e => e.Sequence));
    }

    private static async Task<long> Scalar(CounterStore db, string sql)
    {
        await using var connection = await db.Database.OpenConnectionAsync(Ct);
        return await Scalar(connection, sql);
    }

    private static async Task<long> Scalar(NpgsqlConnection connection, string sql)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        return (long)(await command.ExecuteScalarAsync(Ct))!;
    }

    private sealed class Clock : TimeProvider
    {
        public TimeSpan Now { get; set; }

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public override long GetTimestamp() => Now.Ticks;
    }
}
