using System.Diagnostics;
using System.Globalization;
using AgentPlatform.Benchmarks.Store;
using AgentPlatform.Messaging;

namespace AgentPlatform.Benchmarks.Messaging;

/// <summary>A million messages through one process: speed and memory at every tenth.</summary>
internal static class MillionMessages
{
    private const int InFlightMax = 5_000;

    public static async Task Run(BenchmarkRun run)
    {
        var messages = run.IsSmall ? 1_000 : int.Parse(Environment.GetEnvironmentVariable("MSGS") ?? "1000000", CultureInfo.InvariantCulture);
        var handled = 0;
        using var room = new SemaphoreSlim(InFlightMax);
        await using var service = await BenchService.Start(run, (bus, _) => bus.Do<Note>(
            (_, _, _) =>
            {
                Interlocked.Increment(ref handled);
                room.Release();
                return Task.CompletedTask;
            },
            HandlerOptions.Unordered(64)));

        var begun = Stopwatch.GetTimestamp();
        var (told, toldAt) = (0, begun);
        for (var sent = 0; sent < messages;)
        {
            var batch = Math.Min(100, messages - sent);
            for (var i = 0; i < batch; i++)
            {
                await room.WaitAsync();
            }

            await service.Send([.. Enumerable.Range(0, batch).Select(_ => (object)new Note("all", Stopwatch.GetTimestamp(), BenchStore.Text))]);
            sent += batch;
            if (sent - told >= messages / 10)
            {
                Tell(sent);
                (told, toldAt) = (sent, Stopwatch.GetTimestamp());
            }
        }

        // Room for all of them again: everything was handled.
        for (var i = 0; i < InFlightMax; i++)
        {
            await room.WaitAsync();
        }

        if (handled < messages)
        {
            throw new InvalidOperationException($"{handled} of {messages} messages were handled");
        }

        void Tell(int sent) => run.Row(
            "messages | per second in this tenth | managed heap MB | working set MB",
            sent.ToString("N0", CultureInfo.InvariantCulture),
            ((sent - told) / Stopwatch.GetElapsedTime(toldAt).TotalSeconds).ToString("N0", CultureInfo.InvariantCulture),
            (GC.GetTotalMemory(forceFullCollection: true) / 1048576.0).ToString("0.0", CultureInfo.InvariantCulture),
            (Environment.WorkingSet / 1048576.0).ToString("0", CultureInfo.InvariantCulture));
    }
}
