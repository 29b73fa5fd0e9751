using System.Collections.Concurrent;
using System.Diagnostics;
using AgentPlatform.Benchmarks.Store;
using AgentPlatform.EventStore;
using AgentPlatform.Messaging;

namespace AgentPlatform.Benchmarks.Messaging;

/// <summary>
/// From the call that commits a message to the start of its handler, and messages a second: through outbox, relay, JetStream, consumer, and — where the
/// handler stores — inbox.
/// </summary>
internal static class PublishHandle
{
    public static async Task Run(BenchmarkRun run)
    {
        await Latency(run);
        foreach (var stores in new[] { false, true })
        {
            await Throughput(run, stores, messages: run.IsSmall ? 800 : 100_000);
        }
    }

    private static async Task Latency(BenchmarkRun run)
    {
        var arrived = new ConcurrentDictionary<long, TaskCompletionSource<long>>();
        await using var service = await BenchService.Start(run, (bus, _) => bus.Do<Note>(
            (note, _, _) =>
            {
                arrived[note.SentAt].TrySetResult(Stopwatch.GetTimestamp());
                return Task.CompletedTask;
            },
            HandlerOptions.Unordered()));
        for (var i = 0; i < 200; i++)
        {
            await One();
        }

        var (durations, begun) = (new List<long>(), Stopwatch.GetTimestamp());
        while (Stopwatch.GetElapsedTime(begun) < run.Duration)
        {
            durations.Add(await One());
        }

        var sample = new Sample();
        sample.Add(durations, Stopwatch.GetElapsedTime(begun));
        run.Latencies("publish → handle, one at a time (commit included)", sample);

        async Task<long> One()
        {
            var at = Stopwatch.GetTimestamp();
            var there = arrived[at] = new(TaskCreationOptions.RunContinuationsAsynchronously);
            await service.Send(new Note("one", at, BenchStore.Text));
            var took = await there.Task - at;
            arrived.TryRemove(at, out _);
            return took;
        }
    }

    private static async Task Throughput(BenchmarkRun run, bool stores, int messages)
    {
        var (left, done) = (messages, new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));
        var durations = new ConcurrentBag<long>();
        await using var service = await BenchService.Start(run, (bus, _) =>
        {
            if (stores)
            {
                bus.On<Note, Tally, BenchEvent>(Tally.Kind, note => note.Tally, (note, _, _) =>
                {
                    Took(note);
                    return ([BenchStore.Event(1)], []);
                });
            }
            else
            {
                bus.Do<Note>(
                    (note, _, _) =>
                    {
                        Took(note);
                        return Task.CompletedTask;
                    },
                    HandlerOptions.Unordered(64));
            }
        });

        var begun = Stopwatch.GetTimestamp();
        await Task.WhenAll(Enumerable.Range(0, 8).Select(writer => Task.Run(async () =>
        {
            const int perCommit = 25;
            for (var sent = 0; sent < messages / 8; sent += perCommit)
            {
                await service.Send([.. Enumerable.Range(0, Math.Min(perCommit, (messages / 8) - sent)).Select(n => (object)new Note($"t{(sent + n) % 64}-{writer}", Stopwatch.GetTimestamp(), BenchStore.Text))]);
            }
        })));
        var stored = Stopwatch.GetElapsedTime(begun);
        await done.Task.WaitAsync(TimeSpan.FromMinutes(5));
        var sample = new Sample();
        sample.Add(durations, Stopwatch.GetElapsedTime(begun));
        run.Latencies($"publish → handle, {messages:N0} messages, {(stores ? "handler stores an event" : "handler stores nothing")} (all in the outbox after {stored.TotalSeconds:0.0} s)", sample);

        void Took(Note note)
        {
            durations.Add(Stopwatch.GetTimestamp() - note.SentAt);
            if (Interlocked.Decrement(ref left) == 0)
            {
                done.TrySetResult();
            }
        }
    }
}
