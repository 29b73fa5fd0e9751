using System.Diagnostics;
using System.Text.Json;
using AgentPlatform.EventStore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace AgentPlatform.Benchmarks.Store;

/// <summary>From the call that appends to the moment a query finds the row of an async projection: alone, and while other writers keep the store busy.</summary>
internal static class ProjectionVisible
{
    public static async Task Run(BenchmarkRun run)
    {
        await Measure(run, otherWriters: 0);
        await Measure(run, otherWriters: 4);
    }

    private static async Task Measure(BenchmarkRun run, int otherWriters)
    {
        var builder = Host.CreateApplicationBuilder();
        builder.Logging.ClearProviders().SetMinimumLevel(LogLevel.Warning);
        builder.Services.AddSingleton(TimeProvider.System);
        builder.Services.AddEventStore(await run.NewDatabase(), EventTypes.Of(typeof(BenchEvent)), JsonSerializerOptions.Web);
        builder.Services.AddProjections(options: null, new Sums());
        using var host = builder.Build();
        await host.StartAsync();
        var store = host.Services.GetRequiredService<PostgresEventStore>();
        using var stop = new CancellationTokenSource();
        var others = Enumerable.Range(0, otherWriters).Select(n => Task.Run(async () =>
        {
            // Busy, not flooded: a few hundred events a second each.
            using var pace = new PeriodicTimer(TimeSpan.FromMilliseconds(2));
            for (var i = 0; !stop.IsCancellationRequested; i++)
            {
                await Append(store, $"tally-other-{n}", i);
                await pace.WaitForNextTickAsync(CancellationToken.None);
            }
        })).ToArray();

        for (var i = 0; i < 50; i++)
        {
            await One(i);
        }

        var (durations, begun) = (new List<long>(), Stopwatch.GetTimestamp());
        for (var i = 50; Stopwatch.GetElapsedTime(begun) < run.Duration; i++)
        {
            durations.Add(await One(i));
        }

        await stop.CancelAsync();
        await Task.WhenAll(others);
        var sample = new Sample();
        sample.Add(durations, Stopwatch.GetElapsedTime(begun));
        run.Latencies($"append → row of an async projection found{(otherWriters > 0 ? $", {otherWriters} other writers" : "")}", sample);
        await host.StopAsync();

        async Task<long> One(int number)
        {
            var at = Stopwatch.GetTimestamp();
            await Append(store, "tally-one", number);
            while (await store.Views.Find<SumRow>(Sums.List, "tally-one", CancellationToken.None) is not { } row || row.Last < number)
            {
            }

            return Stopwatch.GetTimestamp() - at;
        }
    }

    private static async Task Append(PostgresEventStore store, string stream, int number)
    {
        var session = store.Open();
        session.Append(stream, ExpectedVersion.Any, BenchStore.Event(number));
        await session.SaveChanges(CancellationToken.None);
    }

    private sealed record SumRow(string Stream, long Sum, int Last);

    private sealed class Sums : Projection
    {
        public const string List = "sums";

        public override string Name => "Sums";

        public override int Version => 1;

        public override IReadOnlyList<string> Views => [List];

        public override async Task Apply(IReadOnlyList<ProjectedEvent> events, ProjectionBatch batch, CancellationToken ct)
        {
            await batch.Load<SumRow>(List, events.Select(e => e.Stored.Stream), ct);
            foreach (var e in events)
            {
                var row = await batch.Find<SumRow>(List, e.Stored.Stream, ct) ?? new SumRow(e.Stored.Stream, 0, -1);
                var number = ((BenchEvent.Noted)e.Event).Number;
                batch.Upsert(new ViewRow(List, row.Stream, row.Stream, null, row with { Sum = row.Sum + number, Last = number }));
            }
        }
    }
}
