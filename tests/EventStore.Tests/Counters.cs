using System.Text.Json;
using AgentPlatform.EventStore;
using AgentPlatform.Testing;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;

[assembly: AssemblyFixture(typeof(Servers))]

namespace AgentPlatform.EventStore.Tests;

/// <summary>A small stream to test the store with.</summary>
public abstract record CounterEvent
{
    private CounterEvent()
    {
    }

    [StoredAs("counter-opened.1")]
    public sealed record Opened(string Owner) : CounterEvent;

    [StoredAs("counter-raised.1")]
    public sealed record Raised(int By) : CounterEvent;
}

public sealed record Counter(string Owner, int Total)
{
    public static readonly StreamKind<Counter, CounterEvent> Kind = new(
        "counter",
        new Counter(string.Empty, 0),
        (counter, e) => e switch
        {
            CounterEvent.Opened o => counter with { Owner = o.Owner },
            CounterEvent.Raised r => counter with { Total = counter.Total + r.By },
            _ => counter,
        },
        counter => new ViewRow("counters", counter.Owner, counter.Total.ToString("D10"), counter.Total > 5 ? "high" : "low", counter));
}

public sealed class CounterStore : IAsyncDisposable
{
    private CounterStore(IEventStore store) => Store = store;

    public IEventStore Store { get; }

    public NpgsqlDataSource Database => Store.Database;

    public static async Task<CounterStore> Empty(Servers servers, EventStoreOptions? options = null)
    {
        options ??= new EventStoreOptions { HoleGrace = TimeSpan.Zero };
        var database = EventStoreSetup.DataSource(await servers.NewDatabase(), options);
        await Schema.Apply(database, Schema.Events, TestContext.Current.CancellationToken);
        return new CounterStore(Over(database, options));
    }

    /// <summary>Another process's view of the same database: a store with a memory of its own.</summary>
    public IEventStore Another() => Over(Database, new EventStoreOptions { HoleGrace = TimeSpan.Zero });

    public ValueTask DisposeAsync() => Database.DisposeAsync();

    private static PostgresEventStore Over(NpgsqlDataSource database, EventStoreOptions options) =>
        new(database, EventTypes.Of(typeof(CounterEvent)), options, JsonSerializerOptions.Web, new StoreSignal(database, options, NullLogger<StoreSignal>.Instance), TimeProvider.System);
}
