using System.Text.Json;
using AgentPlatform.Testing;
using AgentPlatform.Testing.EventStores;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;

namespace AgentPlatform.EventStore.Tests;

/// <summary>An event store that knows counters, on whatever backend.</summary>
public interface ICounterStore : IAsyncDisposable
{
    IEventStore Store { get; }

    /// <summary>Another process's view of the same streams: a store with a memory of its own.</summary>
    IEventStore Another();
}

public sealed class CounterStore : ICounterStore
{
    private readonly EventStoreOptions _options;
    private readonly TimeProvider _time;

    private CounterStore(NpgsqlDataSource database, EventStoreOptions options, TimeProvider time)
    {
        (Database, _options, _time) = (database, options, time);
        Store = Another();
    }

    public PostgresEventStore Store { get; }

    IEventStore ICounterStore.Store => Store;

    public NpgsqlDataSource Database { get; }

    public static async Task<CounterStore> Empty(Servers servers, EventStoreOptions? options = null, TimeProvider? time = null)
    {
        options ??= new EventStoreOptions { HoleGrace = TimeSpan.Zero };
        var database = EventStoreSetup.DataSource(await servers.NewDatabase(), options);
        await Schema.Apply(database, Schema.Events, TestContext.Current.CancellationToken);
        return new CounterStore(database, options, time ?? TimeProvider.System);
    }

    public PostgresEventStore Another(EventStoreOptions? options = null) =>
        new(Database, EventTypes.Of(typeof(CounterEvent)), options ?? _options, JsonSerializerOptions.Web, new StoreSignal(Database, _options, NullLogger<StoreSignal>.Instance), _time);

    IEventStore ICounterStore.Another() => Another();

    public ValueTask DisposeAsync() => Database.DisposeAsync();
}

public sealed class InMemoryCounterStore(EventStoreOptions options, TimeProvider time) : ICounterStore
{
    private readonly InMemoryEventStore _store = new(EventTypes.Of(typeof(CounterEvent)), options, JsonSerializerOptions.Web, time);

    public IEventStore Store => _store;

    public IEventStore Another() => _store.Another();

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}
