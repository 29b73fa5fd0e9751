using AgentPlatform.ModelFabric.Routing;

namespace AgentPlatform.ModelFabric.Tests.Routing;

public sealed class FairGateTests
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task No_more_calls_begin_within_a_time_than_may_wherever_it_is_counted_from()
    {
        var within = TimeSpan.FromMilliseconds(150);
        var pace = new CallPace(callsMax: 2, within, waitingMax: 10, TimeProvider.System);
        var (asked, begun) = (new List<long>(), new List<long>());
        for (var n = 0; n < 5; n++)
        {
            asked.Add(TimeProvider.System.GetTimestamp());
            Assert.True(await pace.Begin("ann", Ct));
            begun.Add(TimeProvider.System.GetTimestamp());
        }

        // From before the one to after the other, so that a slow machine only makes it longer.
        Assert.All(Enumerable.Range(0, 3), n => Assert.True(TimeProvider.System.GetElapsedTime(asked[n], begun[n + 2]) >= within, $"{n}"));
    }

    [Fact]
    public async Task Principals_take_turns_however_many_calls_one_of_them_has_waiting()
    {
        var gate = new FairGate(insideMax: 1, waitingMax: 10);
        var first = await gate.Enter("ann", Ct);
        var order = new List<string>();
        Task[] all = [Waiter("ann", "ann 1"), Waiter("ann", "ann 2"), Waiter("ann", "ann 3"), Waiter("bob", "bob 1"), Waiter("cid", "cid 1")];
        first!.Dispose();
        await Task.WhenAll(all);

        Assert.Equal(["ann 1", "bob 1", "cid 1", "ann 2", "ann 3"], order);

        async Task Waiter(string principal, string name)
        {
            using var place = await gate.Enter(principal, Ct);
            order.Add(name);
        }
    }

    [Fact]
    public async Task No_more_wait_than_may_and_who_gives_up_makes_room()
    {
        var gate = new FairGate(insideMax: 1, waitingMax: 1);
        var first = await gate.Enter("ann", Ct);
        using var leaving = new CancellationTokenSource();
        var waits = gate.Enter("ann", leaving.Token);
        Assert.Null(await gate.Enter("bob", Ct));
        await leaving.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => waits);
        var next = gate.Enter("bob", Ct);
        first!.Dispose();
        first.Dispose();

        Assert.NotNull(await next);
    }

    [Fact]
    public async Task A_thousand_that_come_and_give_up_at_random_never_exceed_the_bound_and_leave_the_gate_empty()
    {
        var gate = new FairGate(insideMax: 4, waitingMax: 2000);
        var (inside, most) = (0, 0);
        await Task.WhenAll(Enumerable.Range(0, 1000).Select(n => Task.Run(async () =>
        {
            using var leaving = new CancellationTokenSource();
            if (n % 3 == 0)
            {
                leaving.CancelAfter(n % 7);
            }
            try
            {
                using var place = await gate.Enter($"p{n % 5}", leaving.Token);
                InterlockedMax(ref most, Interlocked.Increment(ref inside));
                await Task.Yield();
                Interlocked.Decrement(ref inside);
            }
            catch (OperationCanceledException)
            {
                // It gave up, as it was meant to.
            }
        })));

        Assert.InRange(most, 1, 4);
        var all = await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => gate.Enter("last", Ct)));
        Assert.All(all, Assert.NotNull);
    }

    private static void InterlockedMax(ref int most, int value)
    {
        int seen;
        while (value > (seen = Volatile.Read(ref most)) && Interlocked.CompareExchange(ref most, value, seen) != seen)
        {
        }
    }
}
