using System.Collections.Concurrent;
using AgentPlatform.Contracts;
using AgentPlatform.Testing;

namespace AgentPlatform.Messaging.Tests.Handling;

public sealed class RetryTests(Servers servers) : OwnNats
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_handlers_own_policy_says_how_often()
    {
        var tries = new ConcurrentDictionary<string, int>(StringComparer.Ordinal);
        await using var service = await TallyService.Start(servers, await servers.NewDatabase(), bus => bus
            .Do<CountUp>((m, _, _) => Fail(tries, m.Tally, new InvalidOperationException("no")), new HandlerOptions { Retry = new RetryPolicy { AttemptsMax = 6, FirstDelay = TimeSpan.FromMilliseconds(5) } })
            .Do<Counted>((m, _, _) => Fail(tries, m.Tally, new InvalidOperationException("no"))), o => o with { Url = Nats.Url });
        var (own, usual) = (Name(), Name());

        await service.Send("run-1", new CountUp(own, 1), new Counted(usual, 1));

        Assert.Equal((6, own), ((await Dead(service, own)).Attempts, own));
        Assert.Equal(3, (await Dead(service, usual)).Attempts);
        Assert.Equal((6, 3), (tries[own], tries[usual]));
    }

    [Fact]
    public async Task What_no_other_try_will_mend_is_given_up_at_once()
    {
        var tries = new ConcurrentDictionary<string, int>(StringComparer.Ordinal);
        await using var service = await TallyService.Start(servers, await servers.NewDatabase(), bus => bus.Do<CountUp>(
            (m, _, _) => Fail(tries, m.Tally, m.By == 0 ? new ArgumentNullException(nameof(m)) : new InvalidOperationException("no")),
            new HandlerOptions { Retry = new RetryPolicy { AttemptsMax = 3, FirstDelay = TimeSpan.FromMilliseconds(5), Never = [typeof(ArgumentException)] } }), o => o with { Url = Nats.Url });
        var (hopeless, other) = (Name(), Name());

        await service.Send("run-1", new CountUp(hopeless, 0), new CountUp(other, 1));

        Assert.StartsWith("ArgumentNullException", (await Dead(service, hopeless)).Cause, StringComparison.Ordinal);
        Assert.Equal(3, (await Dead(service, other)).Attempts);
        Assert.Equal((1, 3), (tries[hopeless], tries[other]));
    }

    [Fact]
    public void The_pause_is_doubled_up_to_its_bound()
    {
        var policy = new RetryPolicy { FirstDelay = TimeSpan.FromMilliseconds(100), DelayMax = TimeSpan.FromSeconds(1) };

        Assert.Equal([100, 200, 400, 800, 1_000, 1_000], new[] { 1, 2, 3, 4, 5, 500 }.Select(n => policy.Delay(n).TotalMilliseconds));
    }

    private static Task Fail(ConcurrentDictionary<string, int> tries, string tally, Exception with)
    {
        tries.AddOrUpdate(tally, 1, (_, n) => n + 1);
        return Task.FromException(with);
    }

    private static async Task<DeadLetterView> Dead(TallyService service, string tally) => (await Eventually.Get(
        async () =>
        {
            foreach (var letter in (await service.DeadLetters.List(new DeadLetterFilter(), null, 500, Ct)).Items)
            {
                if ((await service.DeadLetters.Find(letter.Id, Ct))!.Envelope is { } envelope && envelope.GetRawText().Contains(tally, StringComparison.Ordinal))
                {
                    return letter;
                }
            }

            return null;
        },
        letter => letter is not null,
        $"the dead letter about {tally}"))!;

    private static string Name() => Guid.CreateVersion7().ToString("n");
}
