using AgentPlatform.Testing;
using Npgsql;

namespace AgentPlatform.EventStore.Tests.Marten;

/// <summary>What Marten appends, we read and go on from; and the other way round.</summary>
public sealed class MartenWriterTests(Servers servers)
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task What_Marten_appended_is_read_folded_and_appended_to()
    {
        await using var db = await CounterStore.Empty(servers);
        var marten = new MartenWriter(db.Database);

        Assert.Equal([2, 1, 2], await marten.Append("counter-a", new MartenEvent("counter-opened.1", """{"Owner":"a"}""", Correlation: "run", Causation: "cause"), MartenEvent.Raised(3)));
        Assert.Equal((new Counter("a", 3), 2L), await db.Store.Aggregate(Counter.Kind, "a", Ct));
        await AppendTests.Raise(db.Store, "a", 4);
        Assert.Equal([4, 4], await marten.Append("counter-a", MartenEvent.Raised(5)));

        Assert.Equal((new Counter("a", 12), 4L), await db.Another().Aggregate(Counter.Kind, "a", Ct));
        var events = await AppendTests.All(db.Store);
        Assert.Equal([(1L, 1L), (2L, 2L), (3L, 3L), (4L, 4L)], events.Select(e => (e.Sequence, e.Version)));
        Assert.Equal([("run", "cause"), (null, null), (null, null), (null, null)], events.Select(e => (e.Correlation, e.Causation)));
        Assert.Equal([MartenEvent.Noon, MartenEvent.Noon, events[2].At.UtcDateTime, MartenEvent.Noon], events.Select(e => e.At.UtcDateTime));
    }

    [Fact]
    public async Task Marten_goes_on_with_a_stream_of_ours_and_a_cached_state_notices()
    {
        await using var db = await CounterStore.Empty(servers);
        await AppendTests.Raise(db.Store, "a", 1);
        var session = db.Store.Open();
        var stream = await session.FetchForWriting(Counter.Kind, "a", Ct);

        await new MartenWriter(db.Database).Append("counter-a", MartenEvent.Raised(5), MartenEvent.Raised(6));
        stream.Append(new CounterEvent.Raised(100));

        var refused = await Assert.ThrowsAsync<StreamConflictException>(() => session.SaveChanges(Ct));
        Assert.Equal("stream counter-a was expected at version 2 and is at 4", refused.Message);
        Assert.Equal((new Counter("a", 12), 4L), await db.Store.Aggregate(Counter.Kind, "a", Ct));
    }

    [Fact]
    public async Task A_stream_that_was_started_row_by_row_is_a_stream_like_any_other()
    {
        // As Marten starts a stream: the row without a type, no tenant, then the events with numbers drawn in the insert, no headers, a type name that nobody can load.
        await using var db = await CounterStore.Empty(servers);
        await Execute(db.Database,
            """
            begin;
            insert into mt_streams (id, type, version, tenant_id) values ('counter-a', null, 2, null);
            insert into mt_events (seq_id, id, stream_id, version, data, type, timestamp, tenant_id, mt_dotnet_type, headers)
            values (nextval('mt_events_sequence'), gen_random_uuid(), 'counter-a', 1, '{"Owner":"a"}', 'counter-opened.1', now(), null, null, null),
                   (nextval('mt_events_sequence'), gen_random_uuid(), 'counter-a', 2, '{"By":2}', 'counter-raised.1', now(), null, 'Gone.Away, Gone', '{"k":1}');
            commit;
            """);

        await AppendTests.Raise(db.Store, "a", 3);

        Assert.Equal((new Counter("a", 5), 3L), await db.Another().Aggregate(Counter.Kind, "a", Ct));
        Assert.Equal([4, 4], await new MartenWriter(db.Database).Append("counter-a", MartenEvent.Raised(1)));
    }

    [Theory]
    [InlineData(1L, "*DEFAULT*", "MT003")]
    [InlineData(3L, "*DEFAULT*", "MT003")]
    [InlineData(2L, "other", "P0001")]
    public async Task A_refused_append_leaves_no_hole(long expected, string tenant, string error)
    {
        await using var db = await CounterStore.Empty(servers);
        await AppendTests.Raise(db.Store, "a", 1);
        await using var connection = await db.Database.OpenConnectionAsync(Ct);

        Assert.Equal(error, (await Assert.ThrowsAsync<PostgresException>(() => MartenWriter.Append(connection, "counter-a", expected, tenant, MartenEvent.Raised(1)))).SqlState);

        Assert.Equal([3, 3], await MartenWriter.Append(connection, "counter-a", expected: 2, tenant: null, MartenEvent.Raised(1)));
    }

    [Fact]
    public async Task An_archived_stream_is_archived_for_both()
    {
        await using var db = await CounterStore.Empty(servers);
        await AppendTests.Raise(db.Store, "ours", 1);
        await AppendTests.Raise(db.Store, "theirs", 1);
        var session = db.Store.Open();
        session.Archive("counter-ours");
        await session.SaveChanges(Ct);
        await Execute(db.Database, "select mt_archive_stream('counter-theirs')");

        Assert.Equal("MT001", (await Assert.ThrowsAsync<PostgresException>(() => new MartenWriter(db.Database).Append("counter-ours", MartenEvent.Raised(1)))).SqlState);
        await Assert.ThrowsAsync<StreamArchivedException>(() => AppendTests.Raise(db.Store, "theirs", 1));
        Assert.Equal((2L, 4L), (await Count(db.Database, "mt_streams where is_archived"), await Count(db.Database, "mt_events where is_archived")));
    }

    [Fact]
    public async Task Eight_writers_of_both_kinds_on_one_stream_keep_versions_in_the_order_of_positions()
    {
        await using var db = await CounterStore.Empty(servers);
        var marten = new MartenWriter(db.Database);

        await Task.WhenAll(Enumerable.Range(0, 8).Select(writer => Task.Run(async () =>
        {
            for (var round = 0; round < 20; round++)
            {
                await (writer % 2 == 0 ? marten.Append("counter-a", MartenEvent.Raised(1)) : Ours());
            }
        }, Ct)));

        var events = await AppendTests.All(db.Store);
        Assert.Equal(Enumerable.Range(1, 160).Select(n => ((long)n, (long)n)), events.Select(e => (e.Sequence, e.Version)));

        async Task Ours()
        {
            var session = db.Store.Open();
            session.Append("counter-a", ExpectedVersion.Any, new CounterEvent.Raised(1));
            await session.SaveChanges(Ct);
        }
    }

    [Fact]
    public async Task The_progress_of_Martens_daemon_is_kept_and_a_skip_recorded_once()
    {
        await using var db = await CounterStore.Empty(servers);

        List<long> marks =
        [
            await Scalar(db.Database, "select mt_mark_progression_with_skip('HighWaterMark', 5, 5)"),
            await Scalar(db.Database, "select mt_mark_progression_with_skip('HighWaterMark', 9, 5)"),
            await Scalar(db.Database, "select mt_mark_progression_with_skip('HighWaterMark', 20, 5)"),
            await Scalar(db.Database, "select mt_mark_progression_with_skip('Fresh:All', 12, 12)"),
        ];
        Assert.Equal([5, 9, 9, 12], marks);
        await Execute(db.Database, "select mt_mark_event_progression('Fresh:All', 14)");

        Assert.Equal((14L, 1L, 1L), (
            await Scalar(db.Database, "select last_seq_id from mt_event_progression where name = 'Fresh:All'"),
            await Count(db.Database, "mt_high_water_skips"),
            await Count(db.Database, "mt_high_water_skips where ending_sequence = 9 and starting_sequence = 5")));
    }

    [Fact]
    public async Task Marten_may_call_from_a_connection_whose_search_path_is_elsewhere()
    {
        await using var db = await CounterStore.Empty(servers);
        await using var connection = await db.Database.OpenConnectionAsync(Ct);
        await using (var away = new NpgsqlCommand("set search_path to pg_catalog", connection))
        {
            await away.ExecuteNonQueryAsync(Ct);
        }

        await MartenWriter.Append(connection, "counter-a", expected: 0, tenant: null, MartenEvent.Raised(1));
        await using (var back = new NpgsqlCommand("select public.mt_mark_progression_with_skip('x', 2, 1); select public.mt_archive_stream('counter-a'); set search_path to public", connection))
        {
            await back.ExecuteNonQueryAsync(Ct);
        }

        Assert.Equal(1, await Count(db.Database, "mt_events where is_archived"));
    }

    private static async Task Execute(NpgsqlDataSource database, string sql)
    {
        await using var command = database.CreateCommand(sql);
        await command.ExecuteNonQueryAsync(Ct);
    }

    private static Task<long> Count(NpgsqlDataSource database, string from) => Scalar(database, $"select count(*) from {from}");

    private static async Task<long> Scalar(NpgsqlDataSource database, string sql)
    {
        await using var command = database.CreateCommand(sql);
        return (long)(await command.ExecuteScalarAsync(Ct))!;
    }
}
