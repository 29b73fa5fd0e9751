using AgentPlatform.Contracts;
using AgentPlatform.Testing;

namespace AgentPlatform.Messaging.Tests.Outbox;

/// <summary>What is too old or too much goes, and no statement deletes more rows than it may.</summary>
public sealed class CleanerTests(Servers servers) : IAsyncLifetime
{
    private const int RowsMax = 10;
    private const int KeptMax = 5;
    private TallyService _service = null!;

    public async ValueTask InitializeAsync()
    {
        _service = await TallyService.Start(servers, await servers.NewDatabase(), _ => { }, Bounded, ServiceNames.Audit);
        await Run(
            """
            create table deleted (rows bigint not null);
            create function note_deleted() returns trigger language plpgsql as $$ begin insert into deleted select count(*) from gone; return null; end $$;
            create trigger note_sent after delete on ap_sent referencing old table as gone for each statement execute function note_deleted();
            create trigger note_inbox after delete on ap_inbox referencing old table as gone for each statement execute function note_deleted();
            create trigger note_passed after delete on ap_passed referencing old table as gone for each statement execute function note_deleted();
            """);
    }

    public ValueTask DisposeAsync() => _service.DisposeAsync();

    [Fact]
    public async Task Sent_messages_that_are_too_old_go_a_bounded_number_at_a_time()
    {
        await Run("insert into ap_channels (name, published, last) values ('a', 35, 35)");
        await Run("insert into ap_sent select c.id, n, 'a', '', now() - case when n <= 33 then interval '8 days' else interval '0' end from ap_channels c, generate_series(1, 35) n");

        await Clean();

        Assert.Equal("34,35", await Text("select string_agg(position::text, ',' order by position) from ap_sent"));
        Assert.Equal(34L, await _service.Scalar<long>("select first from ap_channels"));
        await DeletedInParts(33);
    }

    [Fact]
    public async Task Sent_messages_that_are_too_many_go_a_bounded_number_at_a_time()
    {
        await Run("insert into ap_channels (name, published, last) values ('a', 35, 35)");
        await Run("insert into ap_sent select c.id, n, 'a', '', now() from ap_channels c, generate_series(1, 35) n");

        await Clean();

        Assert.Equal("31,32,33,34,35", await Text("select string_agg(position::text, ',' order by position) from ap_sent"));
        await DeletedInParts(30);
    }

    [Fact]
    public async Task What_JetStream_has_not_acknowledged_is_kept_whatever_its_age()
    {
        await Run("insert into ap_channels (name, published, last) values ('a', 2, 4)");
        await Run("insert into ap_sent select c.id, n, 'a', '', now() - interval '1 year' from ap_channels c, generate_series(1, 4) n");

        await Clean();

        Assert.Equal("3,4", await Text("select string_agg(position::text, ',' order by position) from ap_sent"));
    }

    [Fact]
    public async Task The_inbox_forgets_what_is_too_old_a_bounded_number_of_rows_at_a_time()
    {
        await Run("insert into ap_inbox (message_id, handler, handled_at) select n, 'h', now() - case when n <= 33 then interval '15 days' else interval '0' end from generate_series(1, 35) n");

        await Clean();

        Assert.Equal("34,35", await Text("select string_agg(message_id, ',' order by message_id) from ap_inbox"));
        await DeletedInParts(33);
    }

    [Fact]
    public async Task The_inbox_forgets_by_number_what_its_mark_stood_for_at_the_cleaning_before()
    {
        await Run("insert into ap_marks (handler, sequencer, settled) values ('h', 's', 35)");
        await Run("insert into ap_inbox (message_id, handler, mark, position) select n, 'h', m.id, n from ap_marks m, generate_series(1, 35) n");
        var cleaner = Cleaner();

        await cleaner.Clean(TestContext.Current.CancellationToken);
        Assert.Equal(35L, await _service.Scalar<long>("select count(*) from ap_inbox"));

        await cleaner.Clean(TestContext.Current.CancellationToken);
        Assert.Equal("31,32,33,34,35", await Text("select string_agg(position::text, ',' order by position) from ap_inbox"));
        await DeletedInParts(30);
    }

    [Fact]
    public async Task What_was_passed_over_is_forgotten_with_age_once_the_mark_stands_for_it()
    {
        await Run("insert into ap_marks (handler, sequencer, settled) values ('h', 's', 33)");
        await Run("insert into ap_passed (mark, first, last, reason, passed_at) select m.id, n, n, 'lost', now() - interval '15 days' from ap_marks m, generate_series(1, 35) n");

        await Clean();

        Assert.Equal("34,35", await Text("select string_agg(first::text, ',' order by first) from ap_passed"));
        await DeletedInParts(33);
    }

    private static MessagingOptions Bounded(MessagingOptions options) =>
        options with { CleanRowsMax = RowsMax, OutboxRowsMax = KeptMax, InboxRowsMax = KeptMax, CleanEvery = TimeSpan.FromHours(1) };

    private async Task DeletedInParts(long rows)
    {
        Assert.Equal(rows, await _service.Scalar<long>("select sum(rows)::bigint from deleted"));
        Assert.Equal((long)RowsMax, await _service.Scalar<long>("select max(rows) from deleted"));
    }

    private Cleaner Cleaner() =>
        new(_service.Store.Database, _service.DeadLetters, Bounded(new MessagingOptions { Url = servers.Nats.Url }) with { CleanEvery = TimeSpan.FromTicks(1) }, TimeProvider.System);

    private Task Clean() => Cleaner().Clean(TestContext.Current.CancellationToken);

    private Task<string> Text(string sql) => _service.Scalar<string>(sql);

    private async Task Run(string sql)
    {
        await using var command = _service.Store.Database.CreateCommand(sql);
        await command.ExecuteNonQueryAsync(TestContext.Current.CancellationToken);
    }
}
