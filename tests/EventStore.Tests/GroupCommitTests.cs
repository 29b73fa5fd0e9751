using AgentPlatform.Testing;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;

namespace AgentPlatform.EventStore.Tests;

/// <summary>Units of work that arrive together share a commit, and still stand or fall alone.</summary>
public sealed class GroupCommitTests(Servers servers)
{
    private static readonly EventStoreOptions OneLane = new() { HoleGrace = TimeSpan.Zero, GroupsAtOnceMax = 1 };

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Whoever_waits_goes_together_in_one_transaction()
    {
        await using var db = await CounterStore.Empty(servers, OneLane);
        await using var slow = await Slow.Begin(db);
        var first = Save(db, "slow", ExpectedVersion.Any);
        var others = Enumerable.Range(0, 20).Select(n => Save(db, $"s{n}", ExpectedVersion.NoStream)).ToArray();

        await slow.End();
        await Task.WhenAll([first, .. others]);

        await using var transactions = db.Database.CreateCommand("select count(distinct xmin::text) from mt_events where stream_id like 'counter-s_' or stream_id like 'counter-s__'");
        Assert.Equal(1L, await transactions.ExecuteScalarAsync(Ct));
        Assert.Equal(Enumerable.Range(1, 21).Select(n => (long)n), (await AppendTests.All(db.Store)).Select(e => e.Sequence));
    }

    [Fact]
    public async Task A_stale_companion_is_refused_alone_and_leaves_no_hole()
    {
        await using var db = await CounterStore.Empty(servers, OneLane);
        await using (var archive = db.Database.CreateCommand("insert into mt_streams (id, version, is_archived) values ('counter-old', 1, true)"))
        {
            await archive.ExecuteNonQueryAsync(Ct);
        }

        await using var slow = await Slow.Begin(db);
        var first = Save(db, "slow", ExpectedVersion.Any);
        var fine = new[] { Save(db, "a", ExpectedVersion.NoStream), Save(db, "c", ExpectedVersion.Any) };
        var stale = Save(db, "b", ExpectedVersion.Exactly(7));
        var archived = Save(db, "old", ExpectedVersion.Any);

        await slow.End();
        await Task.WhenAll([first, .. fine]);

        Assert.Contains("counter-b was expected at version 7 and does not exist", (await Assert.ThrowsAsync<StreamConflictException>(() => stale)).Message, StringComparison.Ordinal);
        Assert.Contains("counter-old is archived", (await Assert.ThrowsAsync<StreamArchivedException>(() => archived)).Message, StringComparison.Ordinal);
        Assert.Equal([1, 2, 3], (await AppendTests.All(db.Store)).Select(e => e.Sequence));
    }

    [Fact]
    public async Task A_companion_whose_own_statement_fails_falls_alone()
    {
        await using var db = await CounterStore.Empty(servers, OneLane);
        await using var slow = await Slow.Begin(db);
        var first = Save(db, "slow", ExpectedVersion.Any);
        var fine = Save(db, "a", ExpectedVersion.NoStream);
        var broken = Save(db, "b", ExpectedVersion.NoStream, session => session.Enlist(new NpgsqlBatchCommand("insert into ap_views (kind, id) values ('x', null)")));
        var last = Save(db, "c", ExpectedVersion.NoStream);

        await slow.End();
        await Task.WhenAll(first, fine, last);

        Assert.Equal(PostgresErrorCodes.NotNullViolation, (await Assert.ThrowsAsync<PostgresException>(() => broken)).SqlState);

        // The statement failed after positions were drawn, so there is a hole, and it is proven empty before anybody reads on.
        var all = await Eventually.Get(() => AppendTests.All(db.Store), events => events.Count == 3, "the events after the hole");
        Assert.Equal(["counter-a", "counter-c", "counter-slow"], all.Select(e => e.Stream).Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task A_shared_statement_goes_once_with_the_rows_of_all_and_may_refuse_some_of_them()
    {
        await using var db = await CounterStore.Empty(servers, OneLane);
        await Execute(db, "create table seats (seat int primary key); insert into seats values (3)");
        await Execute(db, """
            create function take_seats(wanted int[]) returns void language plpgsql as $$
            declare refused text;
            begin
                select string_agg(n::text, ',') into refused from unnest(wanted) with ordinality as w (seat, n) where w.seat in (select s.seat from seats s);
                if refused is not null then
                    raise exception 'taken' using errcode = 'AP004', constraint = refused;
                end if;
                insert into seats select unnest(wanted);
            end $$
            """);
        var sent = new List<int>();
        var seats = new SharedStatement(rows =>
        {
            sent.Add(rows.Count);
            return new NpgsqlBatchCommand("select take_seats($1)") { Parameters = { new() { Value = rows.Cast<int>().ToArray() } } };
        });

        await using var slow = await Slow.Begin(db);
        var first = Save(db, "slow", ExpectedVersion.Any);
        var saves = Enumerable.Range(1, 4).Select(seat => Save(db, $"s{seat}", ExpectedVersion.NoStream, session => session.Guard(seats, seat))).ToArray();
        await slow.End();
        await Task.WhenAll(saves[0], saves[1], saves[3], first);

        Assert.Equal(SharedStatement.Refused, (await Assert.ThrowsAsync<PostgresException>(() => saves[2])).SqlState);
        Assert.Equal([4, 3], sent);
        Assert.Equal(4, await Scalar(db, "select count(*) from seats"));
        Assert.Equal([1, 2, 3, 4], (await AppendTests.All(db.Store)).Select(e => e.Sequence));
    }

    [Fact]
    public async Task A_shared_statement_that_fails_is_tried_by_each_unit_alone()
    {
        await using var db = await CounterStore.Empty(servers, OneLane);
        await Execute(db, "create table seats (seat int primary key check (seat < 4))");
        var seats = new SharedStatement(rows => new NpgsqlBatchCommand("insert into seats select unnest($1)") { Parameters = { new() { Value = rows.Cast<int>().ToArray() } } });

        await using var slow = await Slow.Begin(db);
        var first = Save(db, "slow", ExpectedVersion.Any);
        var saves = Enumerable.Range(1, 4).Select(seat => Save(db, $"s{seat}", ExpectedVersion.NoStream, session => session.Enlist(seats, seat))).ToArray();
        await slow.End();
        await Task.WhenAll(saves[0], saves[1], saves[2], first);

        Assert.Equal(PostgresErrorCodes.CheckViolation, (await Assert.ThrowsAsync<PostgresException>(() => saves[3])).SqlState);
        Assert.Equal(3, await Scalar(db, "select count(*) from seats"));
    }

    [Fact]
    public async Task A_command_takes_effect_once_and_its_repetition_leaves_no_hole()
    {
        await using var db = await CounterStore.Empty(servers);

        var outcomes = await Task.WhenAll(Enumerable.Range(0, 16).Select(async n =>
        {
            try
            {
                await Save(db, $"s{n}", ExpectedVersion.NoStream, session => session.CommandId = "pay the invoice");
                return "stored";
            }
            catch (DuplicateCommandException e)
            {
                return e.Message;
            }
        }));
        await Save(db, "after", ExpectedVersion.NoStream);

        Assert.Single(outcomes, "stored");
        Assert.Equal(15, outcomes.Count(o => o.Contains("pay the invoice", StringComparison.Ordinal)));
        Assert.Equal([1, 2], (await AppendTests.All(db.Store)).Select(e => e.Sequence));
    }

    [Fact]
    public async Task The_ids_of_old_commands_are_forgotten_and_those_of_new_ones_kept()
    {
        await using var db = await CounterStore.Empty(servers);
        await Save(db, "old", ExpectedVersion.NoStream, session => session.CommandId = "old");
        await Scalar(db, "with aged as (update ap_commands set handled_at = handled_at - interval '15 days' returning 1) select count(*) from aged");
        await Save(db, "new", ExpectedVersion.NoStream, session => session.CommandId = "new");

        using var housekeeping = new Housekeeping(db.Database, new EventStoreOptions(), TimeProvider.System, NullLogger<Housekeeping>.Instance);
        await housekeeping.ForgetCommands(Ct);

        await Save(db, "again", ExpectedVersion.NoStream, session => session.CommandId = "old");
        await Assert.ThrowsAsync<DuplicateCommandException>(() => Save(db, "twice", ExpectedVersion.NoStream, session => session.CommandId = "new"));
    }

    [Fact]
    public async Task Who_gives_up_while_waiting_is_not_stored_and_who_is_told_of_a_newer_version_was_not_asked()
    {
        await using var db = await CounterStore.Empty(servers, OneLane);
        await using var slow = await Slow.Begin(db);
        var first = Save(db, "slow", ExpectedVersion.Exactly(1));
        using var patience = new CancellationTokenSource();
        var impatient = Save(db, "a", ExpectedVersion.NoStream, ct: patience.Token);
        var stale = Save(db, "slow", ExpectedVersion.Exactly(1));
        await patience.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => impatient);

        await slow.End();
        await first;

        var refused = await Assert.ThrowsAsync<StreamConflictException>(() => stale);
        Assert.Contains("counter-slow was expected at version 1 and is at 2", refused.Message, StringComparison.Ordinal);
        Assert.Null(refused.InnerException);
        Assert.Equal(["counter-slow"], (await AppendTests.All(db.Store)).Select(e => e.Stream));
    }

    [Fact]
    public async Task Eight_writers_on_one_stream_lose_nothing()
    {
        await using var db = await CounterStore.Empty(servers);
        const int each = 25;

        await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Task.Run(async () =>
        {
            for (var done = 0; done < each;)
            {
                try
                {
                    await AppendTests.Raise(db.Store, "hot", 1);
                    done++;
                }
                catch (StreamConflictException)
                {
                    // Somebody else was faster: load and decide again.
                }
            }
        }, Ct)));

        Assert.Equal((new Counter("hot", 8 * each), (8L * each) + 1), await db.Another().Aggregate(Counter.Kind, "hot", Ct));
        Assert.Equal(Enumerable.Range(1, (8 * each) + 1).Select(n => (long)n), (await AppendTests.All(db.Store)).Select(e => e.Sequence));
    }

    [Fact]
    public async Task A_database_that_goes_away_fails_those_under_way_and_serves_the_next()
    {
        await using var db = await CounterStore.Empty(servers, OneLane);
        await using var slow = await Slow.Begin(db);
        var first = Save(db, "slow", ExpectedVersion.Any);
        await Eventually.True(async () => await Scalar(db, "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()") == 1, "a save that waits for the lock");
        var waiting = Save(db, "a", ExpectedVersion.NoStream);

        await Scalar(db, "select count(pg_terminate_backend(pid)) from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()");

        await Assert.ThrowsAnyAsync<NpgsqlException>(() => first);
        await waiting;
        Assert.Equal(["counter-a"], (await AppendTests.All(db.Store)).Select(e => e.Stream));
    }

    private static async Task Save(CounterStore db, string owner, ExpectedVersion expected, Action<IPostgresSession>? prepare = null, CancellationToken? ct = null)
    {
        var session = db.Store.Open();
        session.Append($"counter-{owner}", expected, new CounterEvent.Opened(owner));
        prepare?.Invoke(session);
        await session.SaveChanges(ct ?? Ct);
    }

    private static async Task Execute(CounterStore db, string sql)
    {
        await using var command = db.Database.CreateCommand(sql);
        await command.ExecuteNonQueryAsync(Ct);
    }

    private static async Task<long> Scalar(CounterStore db, string sql)
    {
        await using var command = db.Database.CreateCommand(sql);
        return (long)(await command.ExecuteScalarAsync(Ct))!;
    }

    /// <summary>Somebody else's transaction that holds the stream 'slow': the first save waits for it inside the database, and the only lane with it.</summary>
    private sealed class Slow(NpgsqlConnection connection, NpgsqlTransaction transaction) : IAsyncDisposable
    {
        public static async Task<Slow> Begin(CounterStore db)
        {
            await using (var row = db.Database.CreateCommand("insert into mt_streams (id, version) values ('counter-slow', 1)"))
            {
                await row.ExecuteNonQueryAsync(Ct);
            }

            var connection = await db.Database.OpenConnectionAsync(Ct);
            var transaction = await connection.BeginTransactionAsync(Ct);
            await using var hold = new NpgsqlCommand("select 1 from mt_streams where id = 'counter-slow' for update", connection, transaction);
            await hold.ExecuteNonQueryAsync(Ct);
            return new Slow(connection, transaction);
        }

        public Task End() => transaction.RollbackAsync(Ct);

        public async ValueTask DisposeAsync()
        {
            await transaction.DisposeAsync();
            await connection.DisposeAsync();
        }
    }
}
