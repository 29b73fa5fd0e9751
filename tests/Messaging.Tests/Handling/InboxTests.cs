using AgentPlatform.EventStore;
using AgentPlatform.Testing;
using Npgsql;

namespace AgentPlatform.Messaging.Tests.Handling;

/// <summary>The receiver's memory, asked about many messages at once.</summary>
public sealed class InboxTests(Servers servers)
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Many_messages_are_taken_in_one_statement_and_those_that_took_effect_before_are_named()
    {
        await using var service = await TallyService.Start(servers, await servers.NewDatabase(), _ => { });
        await service.Scalar<long>("with made as (insert into ap_marks (handler, sequencer, settled) values ('h', 'known', 10) returning 1) select count(*) from made");

        await Take(service, ("a", "known", 11), ("b", "new", 1), ("c", null, null));
        var refused = await Assert.ThrowsAsync<PostgresException>(() => Take(service, ("a", "known", 11), ("d", "known", 12), ("d", "known", 12), ("e", "known", 10), ("f", null, null), ("c", null, null)));

        Assert.True(Inbox.KnowsAlready(refused));
        Assert.Equal((SharedStatement.Refused, "1,3,4,6"), (refused.SqlState, refused.ConstraintName));
        Assert.Equal("a b c", await Taken(service));
        await Take(service, ("d", "known", 12), ("f", null, null));
        Assert.Equal("a b c d f", await Taken(service));
    }

    [Fact]
    public async Task A_position_that_was_given_up_for_lost_may_still_be_taken_when_it_comes_after_all()
    {
        await using var service = await TallyService.Start(servers, await servers.NewDatabase(), _ => { });
        await service.Scalar<long>(
            "with made as (insert into ap_marks (handler, sequencer, settled) values ('h', 'known', 10) returning id), passed as (insert into ap_passed (mark, first, last, reason) select id, 7, 7, 'lost' from made returning 1) select count(*) from passed");

        await Take(service, ("late", "known", 7), ("next", "known", 11));

        Assert.Equal("late next", await Taken(service));
    }

    private static Task<string> Taken(TallyService service) => service.Scalar<string>("select string_agg(message_id, ' ' order by message_id) from ap_inbox");

    private static async Task Take(TallyService service, params (string Id, string? Sequencer, long? Position)[] messages)
    {
        await using var command = service.Store.Database.CreateCommand("select ap_inbox_take_all($1, $2, $3, $4)");
        command.Parameters.Add(new() { Value = messages.Select(m => m.Id).ToArray() });
        command.Parameters.Add(new() { Value = messages.Select(_ => "h").ToArray() });
        command.Parameters.Add(new() { Value = messages.Select(m => m.Sequencer).ToArray() });
        command.Parameters.Add(new() { Value = messages.Select(m => m.Position).ToArray() });
        await command.ExecuteNonQueryAsync(Ct);
    }
}
