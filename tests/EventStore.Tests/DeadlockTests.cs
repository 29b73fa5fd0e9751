using AgentPlatform.Testing;
using Npgsql;

namespace AgentPlatform.EventStore.Tests;

/// <summary>Statements that callers bring along may lock what they like, in whatever order.</summary>
public sealed class DeadlockTests(Servers servers)
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Units_whose_statements_lock_each_other_out_are_stored_one_by_one()
    {
        var options = new EventStoreOptions { HoleGrace = TimeSpan.Zero, GroupsAtOnceMax = 1 };
        await using var db = await CounterStore.Empty(servers, options);
        await using (var table = db.Database.CreateCommand("create table places (id int primary key, n int not null); insert into places values (1, 0), (2, 0)"))
        {
            await table.ExecuteNonQueryAsync(Ct);
        }

        // Somebody else holds place 2 and will want place 1; our group takes place 1 first and then wants place 2.
        await using var connection = await db.Database.OpenConnectionAsync(Ct);
        await using var other = await connection.BeginTransactionAsync(Ct);
        await Execute("set local deadlock_timeout = '10s'");
        await Execute("update places set n = n + 100 where id = 2");

        var saves = Task.WhenAll(Save("first", 1), Save("a", 1), Save("b", 2));
        await Eventually.True(async () =>
        {
            await using var waits = db.Database.CreateCommand("select count(*) from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()");
            return (long)(await waits.ExecuteScalarAsync(Ct))! == 1;
        }, "our group waits for place 2");
        await Execute("update places set n = n + 100 where id = 1");
        await other.CommitAsync(Ct);
        await saves;

        await using var sum = db.Database.CreateCommand("select sum(n)::int from places");
        Assert.Equal(203, await sum.ExecuteScalarAsync(Ct));
        var all = await Eventually.Get(() => AppendTests.All(db.Store), events => events.Count == 3, "the events after the hole");
        Assert.Equal(["counter-a", "counter-b", "counter-first"], all.Select(e => e.Stream).Order(StringComparer.Ordinal));

        async Task Execute(string sql)
        {
            await using var command = new NpgsqlCommand(sql, connection, other);
            await command.ExecuteNonQueryAsync(Ct);
        }

        async Task Save(string owner, int place)
        {
            var session = db.Store.Open();
            session.Append($"counter-{owner}", ExpectedVersion.NoStream, new CounterEvent.Opened(owner));
            session.Enlist(new NpgsqlBatchCommand("update places set n = n + 1 where id = $1") { Parameters = { new() { Value = place } } });
            await session.SaveChanges(Ct);
        }
    }
}
