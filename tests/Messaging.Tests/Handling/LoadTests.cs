using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using AgentPlatform.Contracts;
using AgentPlatform.Testing;

namespace AgentPlatform.Messaging.Tests.Handling;

public sealed class LoadTests(Servers servers) : OwnNats
{
    private const string Consumer = "sessions_sessions_count-up";

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_slow_handler_holds_no_more_than_its_share_and_the_others_go_on()
    {
        var release = new TaskCompletionSource();
        var (now, most) = (0, 0);
        var heard = new ConcurrentBag<string>();
        var tally = Name();
        await using var service = await TallyService.Start(
            servers, await servers.NewDatabase(),
            bus => bus
                .Do<CountUp>(
                    async (_, _, _) =>
                    {
                        var here = Interlocked.Increment(ref now);
                        InterlockedMax(ref most, here);
                        await release.Task;
                        Interlocked.Decrement(ref now);
                    },
                    HandlerOptions.Unordered(2))
                .Do<Counted>((m, _, _) =>
                {
                    heard.Add(m.Tally);
                    return Task.CompletedTask;
                }),
            o => o with { Url = Nats.Url, ConcurrencyMax = 2, HeldMax = 8 });

        await service.Send("run-1", [.. Enumerable.Range(0, 60).Select(n => new CountUp(tally, n))]);
        var depth = await Eventually.Get(() => service.Depth(Consumer), d => d.Unacknowledged == 8 && d.Waiting >= 52, "eight that are held and the others with the server");
        await service.Send("run-2", [.. Enumerable.Range(0, 20).Select(n => new Counted(tally, n))]);
        await Eventually.True(() => Task.FromResult(heard.Count(t => t == tally) == 20), "the other handler's messages");

        // Held are eight, at work are two, and nothing was taken while the other handler had its twenty.
        Assert.Equal((8, 2, 2), (depth.Unacknowledged, now, most));
        Assert.Equal(8, (await service.Depth(Consumer)).Unacknowledged);
        release.SetResult();
        await Eventually.True(async () => await service.Depth(Consumer) == (0, 0), "an empty consumer");
        Assert.Equal(2, most);
    }

    [Fact]
    public async Task A_stop_lets_work_finish_takes_nothing_new_and_gives_back_what_it_held()
    {
        var (begun, release) = (new TaskCompletionSource(), new TaskCompletionSource());
        var (tally, database, handled) = (Name(), await servers.NewDatabase(), 0);
        Bus Counting(Bus bus, Func<Task> work) => bus.Do<CountUp>(
            async (message, context, ct) =>
            {
                Interlocked.Increment(ref handled);
                begun.TrySetResult();
                await work();
            },
            HandlerOptions.Unordered(1));

        // The acknowledgement time is far longer than the test may take: what is not given back would not come.
        MessagingOptions Patient(MessagingOptions o) => o with { Url = Nats.Url, AckWait = TimeSpan.FromMinutes(5), GapGrace = TimeSpan.FromMinutes(5), DrainMax = TimeSpan.FromSeconds(30) };
        var first = await TallyService.Start(servers, database, bus => Counting(bus, () => release.Task), Patient);
        await first.Send("run-1", [.. Enumerable.Range(0, 10).Select(n => new CountUp(tally, n))]);
        await begun.Task.WaitAsync(TimeSpan.FromSeconds(20), Ct);
        await Eventually.True(async () => (await first.Depth(Consumer)).Unacknowledged == 10, "all ten in its hands");

        var stopping = first.DisposeAsync().AsTask();
        await first.TakesNoMore.WaitAsync(TimeSpan.FromSeconds(20), Ct);
        Assert.False(stopping.IsCompleted);
        release.SetResult();
        await stopping.WaitAsync(TimeSpan.FromSeconds(20), Ct);
        Assert.Equal(1, handled);

        await using var second = await TallyService.Start(servers, database, bus => Counting(bus, () => Task.CompletedTask), Patient);
        await Eventually.True(() => Task.FromResult(handled >= 10), "the nine that were given back");
        Assert.Equal(10, handled);
    }

    [Fact]
    public async Task What_waits_is_told_by_number_and_age_and_so_is_what_was_given_up()
    {
        using var seen = new Meters();
        var release = new TaskCompletionSource();
        await using var service = await TallyService.Start(
            servers, await servers.NewDatabase(),
            bus => bus.Do<CountUp>(
                async (m, _, ct) =>
                {
                    await release.Task;
                    throw new InvalidOperationException("no");
                },
                HandlerOptions.Unordered(1)),
            o => o with { Url = Nats.Url, DepthEvery = TimeSpan.FromMilliseconds(20), ConcurrencyMax = 1, HeldMax = 2 });
        var tally = Name();
        await service.Send("run-1", [.. Enumerable.Range(0, 5).Select(n => new CountUp(tally, n))]);

        await seen.Until("agentplatform.consumer.unacknowledged", Consumer, v => v == 2);
        await seen.Until("agentplatform.consumer.pending", Consumer, v => v == 3);
        release.SetResult();
        await seen.Until("agentplatform.dead_letters.waiting", "sessions", v => v == 5);
        await seen.Until("agentplatform.consumer.pending", Consumer, v => v == 0);
        await seen.Until("agentplatform.messaging.retries", "agentplatform.sessions.count-up.1", v => v == 10);
        await seen.Until("agentplatform.messaging.dead_letters", "agentplatform.sessions.count-up.1", v => v == 5);

        await Nats.KillAsync();
        await service.Send("run-1", new CountUp(tally, 6), new CountUp(tally, 7).In(TimeSpan.FromDays(1)));
        await seen.Until("agentplatform.outbox.waiting", "sessions", v => v == 1);
        await seen.Until("agentplatform.outbox.age", "sessions", v => v > 0.05);
        await Nats.StartAsync();

        await seen.Until("agentplatform.outbox.waiting", "sessions", v => v == 0);
        await seen.Until("agentplatform.outbox.age", "sessions", v => v == 0);
        await seen.Until("agentplatform.dead_letters.waiting", "sessions", v => v == 6);
    }

    private static void InterlockedMax(ref int most, int value)
    {
        for (var known = Volatile.Read(ref most); value > known; known = Volatile.Read(ref most))
        {
            Interlocked.CompareExchange(ref most, value, known);
        }
    }

    private static string Name() => Guid.CreateVersion7().ToString("n");

    /// <summary>The last value of each gauge and the sum of each counter, by the value of the first tag.</summary>
    private sealed class Meters : IDisposable
    {
        private readonly MeterListener _listener = new();
        private readonly ConcurrentDictionary<(string Name, string Tag), double> _values = new();

        public Meters()
        {
            _listener.InstrumentPublished = (instrument, listener) =>
            {
                if (instrument.Meter.Name == MessagingTelemetry.Name)
                {
                    listener.EnableMeasurementEvents(instrument);
                }
            };
            _listener.SetMeasurementEventCallback<long>((instrument, value, tags, _) => Keep(instrument, value, tags));
            _listener.SetMeasurementEventCallback<double>((instrument, value, tags, _) => Keep(instrument, value, tags));
            _listener.Start();
        }

        public Task<double> Until(string name, string tag, Func<double, bool> holds) => Eventually.Get(
            () =>
            {
                _listener.RecordObservableInstruments();
                return Task.FromResult(_values.GetValueOrDefault((name, tag), -1));
            },
            holds,
            $"{name} of {tag}");

        public void Dispose() => _listener.Dispose();

        private void Keep(Instrument instrument, double value, ReadOnlySpan<KeyValuePair<string, object?>> tags)
        {
            var tag = tags.Length > 0 ? tags[0].Value?.ToString() ?? string.Empty : string.Empty;
            _values.AddOrUpdate((instrument.Name, tag), value, (_, before) => instrument.IsObservable ? value : before + value);
        }
    }
}
