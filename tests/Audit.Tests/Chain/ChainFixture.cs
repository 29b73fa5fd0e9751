using System.Security.Cryptography;
using System.Text.Json;
using AgentPlatform.Audit.Chain;
using AgentPlatform.Contracts;
using AgentPlatform.EventStore;
using AgentPlatform.Messaging;
using AgentPlatform.ServiceDefaults.Vault;
using AgentPlatform.Testing;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;

[assembly: AssemblyFixture(typeof(Servers))]

namespace AgentPlatform.Audit.Tests.Chain;

/// <summary>A chain in an empty database.</summary>
public abstract class ChainFixture(Servers servers) : IAsyncLifetime
{
    private static readonly MasterKey Master = new(SHA256.HashData("tests"u8));

    protected static CancellationToken Ct => TestContext.Current.CancellationToken;

    protected NpgsqlDataSource Database { get; private set; } = null!;

    internal ChainStore Chain => With(Master);

    public async ValueTask InitializeAsync()
    {
        var options = new EventStoreOptions();
        Database = EventStoreSetup.DataSource(await servers.NewDatabase(), options);
        await Schema.Apply(Database, Schema.Events, Ct);
        await Schema.Apply(Database, ChainStore.Schema, Ct);
        await Schema.Apply(Database, FactMarks.Schema, Ct);
    }

    public async ValueTask DisposeAsync()
    {
        await Database.DisposeAsync();
        GC.SuppressFinalize(this);
    }

    internal ChainStore With(MasterKey master) => new(Store(), master);

    /// <summary>As a replica of its own, which waits its turn: it meets no conflict, so it needs no patience for more than one.</summary>
    protected async Task Append(RecordFacts message)
    {
        using var replica = new AppendFacts(Store(), Chain, new MessagingOptions { Url = "nats://unused", ConflictsMax = 1 });
        await replica.Handle(message, static _ => { }, Ct);
    }

    protected static RecordFacts Facts(string service, params long[] sequences) => new(service, sequences[0] - 1, [.. sequences.Select(Fact)]);

    protected static RecordedFact Fact(long sequence) => new(
        sequence, Guid.CreateVersion7(), "run-1", sequence, "step-settled.1", new DateTimeOffset(2026, 1, 2, 3, 4, 5, TimeSpan.Zero).AddTicks(1234567 + sequence), "run", "cause",
        JsonSerializer.Deserialize<JsonElement>($$"""{"Step":{{sequence}},"Text":"canary é \u00fc"}"""));

    protected async Task Execute(string sql)
    {
        await using var command = Database.CreateCommand(sql);
        Assert.NotEqual(0, await command.ExecuteNonQueryAsync(Ct));
    }

    protected async Task<object?> Scalar(string sql)
    {
        await using var command = Database.CreateCommand(sql);
        return await command.ExecuteScalarAsync(Ct);
    }

    private protected PostgresEventStore Store()
    {
        var options = new EventStoreOptions();
        return new PostgresEventStore(Database, EventTypes.Of(), options, ContractJson.Options, new StoreSignal(Database, options, NullLogger<StoreSignal>.Instance), TimeProvider.System);
    }
}
