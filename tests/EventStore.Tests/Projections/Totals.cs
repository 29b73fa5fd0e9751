using System.Text.Json;
using AgentPlatform.Testing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace AgentPlatform.EventStore.Tests.Projections;

/// <summary>What a counter came to, and how many events made it.</summary>
public sealed record Total(string Stream, int Sum, int Events, long LastVersion);

/// <summary>Counts in a view and keeps a diary in a table of its own, so that a test sees what was applied, how often and in which order.</summary>
public sealed class Totals(int version = 1, Func<ProjectedEvent, Task>? before = null, int factor = 1) : Projection
{
    public const string Diary = "create table if not exists diary (place bigserial, seq_id bigint not null primary key, stream varchar not null, version bigint not null)";

    public override string Name => "Totals";

    public override int Version => version;

    public override IReadOnlyList<string> Views => ["totals"];

    public override IReadOnlyList<string> Tables => ["diary"];

    public override IReadOnlyList<string> Kinds => ["counter"];

    public override async Task Apply(IReadOnlyList<ProjectedEvent> events, ProjectionBatch batch, CancellationToken ct)
    {
        await batch.Load<Total>("totals", events.Select(e => e.Stored.Stream), ct);
        foreach (var e in events)
        {
            if (before is not null)
            {
                await before(e);
            }

            var stored = e.Stored;
            var total = await batch.Find<Total>("totals", stored.Stream, ct) ?? new Total(stored.Stream, 0, 0, 0);
            batch.Upsert(Row(total with { Sum = total.Sum + (e.Event is CounterEvent.Raised raised ? raised.By * factor : 0), Events = total.Events + 1, LastVersion = stored.Version }));
            batch.Execute(new NpgsqlBatchCommand($"insert into {batch.Table("diary")} (seq_id, stream, version) values ($1, $2, $3)")
            {
                Parameters = { new() { Value = stored.Sequence }, new() { Value = stored.Stream }, new() { Value = stored.Version } },
            });
        }
    }

    private static ViewRow Row(Total total) => new("totals", total.Stream, total.Stream, null, total);
}

/// <summary>One replica of a service that projects.</summary>
public sealed class Replica : IAsyncDisposable
{
    private readonly IHost _host;

    private Replica(IHost host) => _host = host;

    public PostgresEventStore Store => _host.Services.GetRequiredService<PostgresEventStore>();

    public ProjectionDaemon Daemon => _host.Services.GetRequiredService<ProjectionDaemon>();

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    public static Task<Replica> Start(string database, params Projection[] projections) => Start(database, new ProjectionOptions(), projections);

    public static async Task<Replica> Start(string database, ProjectionOptions options, Projection[] projections, TimeSpan? holeGrace = null)
    {
        var quick = options with { PollEvery = TimeSpan.FromMilliseconds(50), LookEvery = TimeSpan.FromMilliseconds(5), RetryDelay = TimeSpan.FromMilliseconds(20), RetryDelayMax = TimeSpan.FromMilliseconds(200) };
        var builder = Host.CreateApplicationBuilder();
        builder.Logging.ClearProviders();
        builder.Services.AddEventStore(
            database, EventTypes.Of(typeof(CounterEvent)), JsonSerializerOptions.Web, new EventStoreOptions { HoleGrace = holeGrace ?? TimeSpan.Zero, PollEvery = TimeSpan.FromMilliseconds(50) }, Totals.Diary);
        builder.Services.AddProjections(quick, projections);
        var host = builder.Build();
        await host.StartAsync(Ct);
        return new Replica(host);
    }

    public Task Raise(string owner, int by) => AppendTests.Raise(Store, owner, by);

    public Task CaughtUp() => Within(Daemon.CaughtUp, "every projection caught up");

    public Task Rebuilt() => Within(ct => Daemon.Rebuilt("Totals", ct), "the rebuilt rows");

    public async Task<Total?> Total(string owner) => await Store.Views.Find<Total>("totals", $"counter-{owner}", Ct);

    public async Task<ProjectionStatus> Status() => (await Daemon.Status(Ct)).Single(s => s.Name == "Totals");

    public async Task<T> Scalar<T>(string sql)
    {
        await using var command = Store.Database.CreateCommand(sql);
        return (T)(await command.ExecuteScalarAsync(Ct))!;
    }

    /// <summary>The events the diary holds, in the order in which they were applied.</summary>
    public async Task<IReadOnlyList<long>> Applied() => await Scalar<long[]>("select coalesce(array_agg(seq_id order by place), '{}') from diary");

    public async Task<IReadOnlyList<long>> Committed() => await Scalar<long[]>("select coalesce(array_agg(seq_id order by seq_id), '{}') from mt_events");

    public ValueTask Stop() => DisposeAsync();

    public async ValueTask DisposeAsync()
    {
        await _host.StopAsync(CancellationToken.None);
        await ((IAsyncDisposable)_host).DisposeAsync();
    }

    public static async Task Within(Func<CancellationToken, Task> wait, string what)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(Ct);
        deadline.CancelAfter(TimeSpan.FromSeconds(30));
        try
        {
            await wait(deadline.Token);
        }
        catch (OperationCanceledException e) when (!Ct.IsCancellationRequested)
        {
            throw new TimeoutException($"It never came to be: {what}", e);
        }
    }
}
