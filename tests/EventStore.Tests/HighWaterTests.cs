using AgentPlatform.Testing;
using Npgsql;

namespace AgentPlatform.EventStore.Tests;

public sealed class HighWaterTests(Servers servers)
{
    private const string Insert =
        "insert into mt_events (seq_id, id, stream_id, version, data, type, timestamp) select nextval('mt_events_sequence'), gen_random_uuid(), 'counter-slow', $1, '{\"By\":1}', 'counter-raised.1', now()";

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task An_event_that_is_still_being_written_holds_back_the_ones_after_it()
    {
        await using var db = await CounterStore.Empty(servers);
        await using var slow = await BeginSlow(db);
        await AppendTests.Raise(db.Store, "fast", 1);

        var whileWriting = await db.Store.ReadCommitted(0, 100, streams: null, Ct);
        await slow.Transaction.CommitAsync(Ct);
        var afterwards = await db.Store.ReadCommitted(whileWriting.HighWater, 100, streams: null, Ct);

        Assert.Empty(whileWriting.Events);
        Assert.Equal([1, 2, 3], afterwards.Events.Select(e => e.Sequence));
    }

    [Fact]
    public async Task A_hole_that_a_rollback_left_is_stepped_over_once_it_is_proven_empty()
    {
        await using var db = await CounterStore.Empty(servers);
        await using var slow = await BeginSlow(db);
        await AppendTests.Raise(db.Store, "fast", 1);
        await db.Store.ReadCommitted(0, 100, streams: null, Ct);
        await db.Store.ReadCommitted(0, 100, streams: null, Ct);
        Assert.Empty((await db.Store.ReadCommitted(0, 100, streams: null, Ct)).Events);

        await slow.Transaction.RollbackAsync(Ct);

        var page = await Eventually.Get(() => db.Store.ReadCommitted(0, 100, streams: null, Ct), p => p.Events.Count > 0, "the events after the hole");
        Assert.Equal([2, 3], page.Events.Select(e => e.Sequence));
    }

    [Fact]
    public async Task With_many_writers_some_rolling_back_every_committed_event_is_seen_once_in_order()
    {
        await using var db = await CounterStore.Empty(servers);
        const int writers = 8, rounds = 40;
        var seen = new List<StoredEvent>();
        var writing = Task.WhenAll(Enumerable.Range(0, writers).Select(writer => Task.Run(async () =>
        {
            for (var round = 0; round < rounds; round++)
            {
                await AppendTests.Raise(db.Store, $"w{writer}", 1);
                if (round % 5 == writer % 5)
                {
                    await using var waste = await db.Database.OpenConnectionAsync(Ct);
                    await using var transaction = await waste.BeginTransactionAsync(Ct);
                    await using var draw = new NpgsqlCommand("create temp table if not exists x (i int); select nextval('mt_events_sequence')", waste, transaction);
                    await draw.ExecuteNonQueryAsync(Ct);
                    await transaction.RollbackAsync(Ct);
                }
            }
        }, Ct)));

        var reader = db.Another();
        var position = 0L;
        await Eventually.True(async () =>
        {
            var page = await reader.ReadCommitted(position, 50, streams: null, Ct);
            seen.AddRange(page.Events);
            position = page.HighWater;
            return writing.IsCompleted && seen.Count >= writers * (rounds + 1);
        }, "every event");

        await writing;
        await using var count = db.Database.CreateCommand("select count(*) from mt_events");
        Assert.Equal((long)(await count.ExecuteScalarAsync(Ct))!, seen.Count);
        Assert.Equal(seen.Select(e => e.Sequence).Order().Distinct(), seen.Select(e => e.Sequence));
        foreach (var stream in seen.GroupBy(e => e.Stream))
        {
            Assert.Equal(Enumerable.Range(1, stream.Count()).Select(v => (long)v), stream.Select(e => e.Version));
        }
    }

    [Fact]
    public async Task A_writer_that_got_its_transaction_id_last_is_waited_for()
    {
        await using var db = await CounterStore.Empty(servers);
        await AppendTests.Raise(db.Store, "slow", 1);
        await AppendTests.Raise(db.Store, "fast", 1);
        await using var a = await db.Database.OpenConnectionAsync(Ct);
        await using var b = await db.Database.OpenConnectionAsync(Ct);
        await using var ta = await a.BeginTransactionAsync(Ct);
        await using var tb = await b.BeginTransactionAsync(Ct);

        // B gets its id, then A gets a later one and draws 5, then B draws 6 and is done first.
        await using (var idOfB = new NpgsqlCommand("select 1 from mt_streams where id = 'counter-fast' for update", b, tb))
        {
            await idOfB.ExecuteNonQueryAsync(Ct);
        }

        await Append(a, ta, "counter-slow");
        await Append(b, tb, "counter-fast");
        await tb.CommitAsync(Ct);
        for (var look = 0; look < 5; look++)
        {
            Assert.Empty((await db.Store.ReadCommitted(4, 100, streams: null, Ct)).Events);
        }

        await ta.CommitAsync(Ct);
        var page = await Eventually.Get(() => db.Store.ReadCommitted(4, 100, streams: null, Ct), p => p.Events.Count > 0, "the events");
        Assert.Equal([5, 6], page.Events.Select(e => e.Sequence));

        static async Task Append(NpgsqlConnection connection, NpgsqlTransaction transaction, string stream)
        {
            await using var append = new NpgsqlCommand(
                """
                select ap_append_events(array[$1]::varchar[], array[null]::varchar[], array[-1]::bigint[], array[1], array[null]::varchar[], array[null]::varchar[],
                    array[null]::jsonb[], array[1], array[gen_random_uuid()], array['counter-raised.1']::varchar[], array[null]::varchar[], array['{"By":1}']::jsonb[], now())
                """,
                connection,
                transaction)
            { Parameters = { new() { Value = stream } } };
            await append.ExecuteNonQueryAsync(Ct);
        }
    }

    private static async Task<SlowWriter> BeginSlow(CounterStore db)
    {
        var connection = await db.Database.OpenConnectionAsync(Ct);
        await using (var row = new NpgsqlCommand("insert into mt_streams (id, version) values ('counter-slow', 0)", connection))
        {
            await row.ExecuteNonQueryAsync(Ct);
        }

        var transaction = await connection.BeginTransactionAsync(Ct);
        await using (var row = new NpgsqlCommand("update mt_streams set version = 1 where id = 'counter-slow'", connection, transaction))
        {
            await row.ExecuteNonQueryAsync(Ct);
        }

        await using var insert = new NpgsqlCommand(Insert, connection, transaction) { Parameters = { new() { Value = 1L } } };
        await insert.ExecuteNonQueryAsync(Ct);
        return new SlowWriter(connection, transaction);
    }

    private sealed record SlowWriter(NpgsqlConnection Connection, NpgsqlTransaction Transaction) : IAsyncDisposable
    {
        public async ValueTask DisposeAsync()
        {
            await Transaction.DisposeAsync();
            await Connection.DisposeAsync();
        }
    }
}
