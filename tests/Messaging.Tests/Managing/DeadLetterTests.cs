using System.Collections.Concurrent;
using System.Text;
using AgentPlatform.Contracts;
using AgentPlatform.Testing;

namespace AgentPlatform.Messaging.Tests.Managing;

public sealed class DeadLetterTests(Servers servers) : OwnNats
{
    private const string Handler = "sessions_sessions_count-up";
    private static readonly DeadLetterFilter Waiting = new(DeadLetterState.Waiting);

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_retried_message_is_handled_once_although_two_asked_for_it()
    {
        var abacus = new Abacus { IsBroken = true };
        await using var service = await Start(abacus);
        var letter = await abacus.Kill(service, by: 5);

        abacus.IsBroken = false;
        var outcomes = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => service.DeadLetters.Retry(letter.Id, Ct)));
        await Eventually.True(async () => (await service.Read(abacus.Tally)).Times == 1, "the retried message");
        await service.Send("run-1", new CountUp(abacus.Tally, 1));
        await Eventually.True(async () => (await service.Read(abacus.Tally)).Times == 2, "the next message");

        Assert.Single(outcomes, o => o == RetryOutcome.Sent);
        Assert.Equal(7, outcomes.Count(o => o == RetryOutcome.NotWaiting));
        Assert.Equal(new Tally(6, 2), await service.Read(abacus.Tally));
        Assert.Equal(RetryOutcome.NotWaiting, await service.DeadLetters.Retry(letter.Id, Ct));
        Assert.Equal(DeadLetterState.Retried, (await service.DeadLetters.Find(letter.Id, Ct))!.Letter.State);
    }

    [Fact]
    public async Task A_message_that_was_completed_after_all_is_not_handled_again()
    {
        var abacus = new Abacus { IsBroken = true };
        await using var service = await Start(abacus);
        var letter = await abacus.Kill(service, by: 5);
        await service.Scalar<long>($"with completed as (insert into ap_inbox (message_id, handler) values ('{letter.Message}', '{Handler}') returning 1) select count(*) from completed");

        abacus.IsBroken = false;
        await service.DeadLetters.Retry(letter.Id, Ct);
        await service.Send("run-1", new CountUp(abacus.Tally, 1));

        await Eventually.True(async () => (await service.Read(abacus.Tally)).Times == 1, "the message after it");
        Assert.Equal(new Tally(1, 1), await service.Read(abacus.Tally));
    }

    [Fact]
    public async Task A_message_that_fails_again_waits_anew_with_the_new_cause()
    {
        var abacus = new Abacus { IsBroken = true };
        await using var service = await Start(abacus);
        var letter = await abacus.Kill(service, by: 5);

        abacus.Complaint = "it is still broken";
        await service.DeadLetters.Retry(letter.Id, Ct);
        var again = await Eventually.Get(async () => (await service.DeadLetters.Find(letter.Id, Ct))!.Letter, l => l.Attempts > letter.Attempts, "the second death");

        Assert.Equal((DeadLetterState.Waiting, "InvalidOperationException: it is still broken", 6, null), (again.State, again.Cause, again.Attempts, again.RetriedAt));
        Assert.True(again.DiedAt > letter.DiedAt);
        Assert.Equal(1, await service.DeadLetters.Count(new DeadLetterFilter(), Ct));
    }

    [Fact]
    public async Task An_event_that_is_retried_reaches_only_the_handler_that_gave_up()
    {
        var heard = new ConcurrentQueue<string>();
        var broken = true;
        await using var sessions = await TallyService.Start(servers, await servers.NewDatabase(), bus => bus.Do<Counted>((m, _, _) =>
        {
            heard.Enqueue($"sessions {m.Tally}");
            return broken ? throw new InvalidOperationException("deaf") : Task.CompletedTask;
        }), o => o with { Url = Nats.Url });
        await using var audit = await TallyService.Start(
            servers, await servers.NewDatabase(),
            bus => bus.Do<Counted>((m, _, _) =>
            {
                heard.Enqueue($"audit {m.Tally}");
                return Task.CompletedTask;
            }), o => o with { Url = Nats.Url }, ServiceNames.Audit);
        var (first, second) = (Name(), Name());
        await sessions.Send("run-1", new Counted(first, 1));
        await Eventually.True(() => Task.FromResult(heard.Contains($"audit {first}")), "the first event in audit");
        var letter = await Eventually.Get(() => About(sessions, first), l => l is not null, "the dead letter");

        broken = false;
        heard.Clear();
        await sessions.DeadLetters.Retry(letter!.Id, Ct);
        await Eventually.True(() => Task.FromResult(heard.Contains($"sessions {first}")), "the retried event in sessions");
        await sessions.Send("run-1", new Counted(second, 1));
        await Eventually.True(() => Task.FromResult(heard.Contains($"audit {second}")), "the event after it in audit");

        // Audit's handlers for one run take turns, so whatever came before the second event has been there.
        Assert.DoesNotContain($"audit {first}", heard);
    }

    [Fact]
    public async Task Dead_letters_are_listed_page_by_page_and_by_what_one_asks_for()
    {
        var abacus = new Abacus { IsBroken = true };
        await using var service = await Start(abacus);
        for (var i = 0; i < 5; i++)
        {
            await abacus.Kill(service, by: i);
        }

        var newest = await service.DeadLetters.List(Waiting, null, 2, Ct);
        var middle = await service.DeadLetters.List(Waiting, newest.Next, 2, Ct);
        var oldest = await service.DeadLetters.List(Waiting, middle.Next, 2, Ct);

        Assert.Equal((2, 2, 1), (newest.Items.Length, middle.Items.Length, oldest.Items.Length));
        Assert.Null(oldest.Next);
        Assert.Equal(5, newest.Items.Concat(middle.Items).Concat(oldest.Items).Select(l => l.Id).Distinct().Count());
        Assert.True(newest.Items[0].DiedAt >= newest.Items[1].DiedAt && newest.Items[1].DiedAt >= middle.Items[0].DiedAt);
        Assert.Equal(5, (await service.DeadLetters.List(new DeadLetterFilter(Handler: Handler, Type: "agentplatform.sessions.count-up.1"), null, 10, Ct)).Items.Length);
        Assert.Empty((await service.DeadLetters.List(new DeadLetterFilter(Handler: "nobody"), null, 10, Ct)).Items);
        Assert.Empty((await service.DeadLetters.List(new DeadLetterFilter(DeadLetterState.Retried), null, 10, Ct)).Items);
        await Assert.ThrowsAsync<FormatException>(() => service.DeadLetters.List(Waiting, "what", 2, Ct));
    }

    [Fact]
    public async Task A_dead_letter_shows_its_cause_its_stack_and_the_message_as_it_travelled()
    {
        var abacus = new Abacus { IsBroken = true };
        await using var service = await Start(abacus);

        var detail = (await service.DeadLetters.Find((await abacus.Kill(service, by: 5)).Id, Ct))!;

        Assert.Equal(("InvalidOperationException: the abacus is broken", 3, Handler, "agentplatform.sessions.count-up.1"), (detail.Letter.Cause[..^33], detail.Letter.Attempts, detail.Letter.Handler, detail.Letter.Type));
        Assert.Contains(nameof(Abacus), detail.Stack, StringComparison.Ordinal);
        Assert.Equal((5, "run-1"), (detail.Envelope!.Value.GetProperty("data").GetProperty("by").GetInt32(), detail.Envelope.Value.GetProperty("correlationid").GetString()));
        Assert.Equal(("commands.sessions.count-up", null), (detail.Subject, detail.Raw));
        Assert.Null(await service.DeadLetters.Find(Guid.CreateVersion7(), Ct));
    }

    [Fact]
    public async Task All_that_wait_are_retried_but_what_nobody_can_read()
    {
        var abacus = new Abacus { IsBroken = true };
        await using var service = await Start(abacus, o => o with { DeadLettersRetriedMax = 4 });
        for (var i = 0; i < 5; i++)
        {
            await abacus.Kill(service, by: 1);
        }

        await service.Publish("commands.sessions.count-up", Encoding.UTF8.GetBytes("not json"));
        await Eventually.True(async () => await service.DeadLetters.Count(Waiting, Ct) == 6, "the unreadable one");
        abacus.IsBroken = false;

        Assert.Equal(new RetriedDeadLetters(0, 0), await service.DeadLetters.RetryAll(new DeadLetterFilter(Handler: "nobody"), Ct));
        Assert.Equal(new RetriedDeadLetters(4, 2), await service.DeadLetters.RetryAll(new DeadLetterFilter(Handler: Handler), Ct));
        Assert.Equal(new RetriedDeadLetters(1, 1), await service.DeadLetters.RetryAll(new DeadLetterFilter(), Ct));

        await Eventually.True(async () => (await service.Read(abacus.Tally)).Times == 5, "all five");
        var unreadable = Assert.Single((await service.DeadLetters.List(Waiting, null, 10, Ct)).Items);
        Assert.Equal(RetryOutcome.Unreadable, await service.DeadLetters.Retry(unreadable.Id, Ct));
        Assert.Equal("not json", Encoding.UTF8.GetString(Convert.FromBase64String((await service.DeadLetters.Find(unreadable.Id, Ct))!.Raw!)));
    }

    [Fact]
    public async Task A_discarded_one_says_by_whom_and_why_and_is_not_retried()
    {
        var abacus = new Abacus { IsBroken = true };
        await using var service = await Start(abacus);
        var letter = await abacus.Kill(service, by: 5);

        Assert.True(await service.DeadLetters.Discard(letter.Id, "anna", "nobody needs it", Ct));
        Assert.False(await service.DeadLetters.Discard(letter.Id, "bert", "me neither", Ct));

        Assert.Equal(RetryOutcome.NotWaiting, await service.DeadLetters.Retry(letter.Id, Ct));
        var seen = (await service.DeadLetters.Find(letter.Id, Ct))!.Letter;
        Assert.Equal((DeadLetterState.Discarded, "anna: nobody needs it"), (seen.State, seen.DiscardedBecause));
    }

    [Fact]
    public async Task Dead_letters_are_bounded_by_age_and_number_and_the_ones_that_wait_go_last()
    {
        var abacus = new Abacus { IsBroken = true };
        await using var service = await Start(abacus, o => o with { DeadLettersMax = 3, DeadLettersKept = TimeSpan.FromDays(1) });
        var letters = new List<DeadLetterView>();
        for (var i = 0; i < 6; i++)
        {
            letters.Add(await abacus.Kill(service, by: i));
        }

        await service.DeadLetters.Discard(letters[5].Id, "anna", "not needed", Ct);
        await service.Scalar<long>($"with aged as (update ap_dead_letters set died_at = now() - interval '2 days' where id = '{letters[4].Id}' returning 1) select count(*) from aged");
        await service.DeadLetters.Clean(Ct);

        // Too old: the fifth. Too many: the discarded one, though the newest, and the oldest of those that wait.
        Assert.Equal([letters[3].Id, letters[2].Id, letters[1].Id], (await service.DeadLetters.List(new DeadLetterFilter(), null, 10, Ct)).Items.Select(l => l.Id));
    }

    private async Task<TallyService> Start(Abacus abacus, Func<MessagingOptions, MessagingOptions>? change = null) =>
        await TallyService.Start(servers, await servers.NewDatabase(), bus => bus.On<CountUp, Tally, TallyEvent>(Tally.Kind, m => m.Tally, (m, _, _) => abacus.Count(m)), o => (change?.Invoke(o) ?? o) with { Url = Nats.Url });

    private static async Task<DeadLetterView?> About(TallyService service, string tally)
    {
        foreach (var letter in (await service.DeadLetters.List(Waiting, null, 500, Ct)).Items)
        {
            if ((await service.DeadLetters.Find(letter.Id, Ct))!.Subject.EndsWith(tally, StringComparison.Ordinal))
            {
                return letter;
            }
        }

        return null;
    }

    private static string Name() => Guid.CreateVersion7().ToString("n");

    private sealed class Abacus
    {
        public string Tally { get; } = Name();

        public bool IsBroken { get; set; }

        public string Complaint { get; set; } = "the abacus is broken";

        public (TallyEvent[] Facts, object[] Outgoing) Count(CountUp message) => IsBroken ? throw new InvalidOperationException(Complaint) : ([new TallyEvent.Raised(message.By)], []);

        public async Task<DeadLetterView> Kill(TallyService service, int by)
        {
            // Told apart by its text: the tests of this assembly share one JetStream, and another test's message may come by.
            var sign = $"{Complaint} {Guid.CreateVersion7():n}";
            (var before, Complaint) = (Complaint, sign);
            await service.Send("run-1", new CountUp(Tally, by));
            var dead = await Eventually.Get(
                async () => (await service.DeadLetters.List(Waiting, null, 100, Ct)).Items.Where(l => l.Cause.EndsWith(sign, StringComparison.Ordinal)).ToList(), found => found.Count == 1, "the dead letter");
            Complaint = before;
            return dead[0];
        }
    }
}
