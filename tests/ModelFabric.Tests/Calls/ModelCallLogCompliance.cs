using System.Security.Cryptography;
using System.Text;
using AgentPlatform.EventStore;
using AgentPlatform.ModelFabric.Budgets;
using AgentPlatform.ModelFabric.Calls;
using AgentPlatform.ModelFabric.Providers;
using AgentPlatform.ServiceDefaults.Vault;
using AgentPlatform.Testing;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;

namespace AgentPlatform.ModelFabric.Tests.Calls;

/// <summary>What every log of calls promises.</summary>
public abstract class ModelCallLogCompliance
{
    protected static CancellationToken Ct => TestContext.Current.CancellationToken;

    protected abstract Task<IModelCallLog> Empty();

    [Fact]
    public async Task An_answer_is_found_under_its_principal_and_key_and_nowhere_else()
    {
        var log = await Empty();
        var record = Call("ann", "k");
        Assert.Null(await log.Store(record, null, Bytes("answer"), Ct));

        var found = await log.Find("ann", "k", Ct);
        Assert.Equal((record.Id, record.RequestSha256, "answer"), (found!.CallId, found.RequestSha256, Encoding.UTF8.GetString(found.Body.Span)));
        Assert.Null(await log.Find("bob", "k", Ct));
        Assert.Null(await log.Find("ann", "other", Ct));
    }

    [Fact]
    public async Task The_first_answer_under_a_key_wins_and_the_second_call_is_recorded_all_the_same()
    {
        var log = await Empty();
        var (first, second) = (Call("ann", "k"), Call("ann", "k"));
        await log.Store(first, null, Bytes("first"), Ct);
        var winner = await log.Store(second, null, Bytes("second"), Ct);

        Assert.Equal((first.Id, "first"), (winner!.CallId, Encoding.UTF8.GetString(winner.Body.Span)));
        Assert.Equal([second.Id, first.Id], (await log.Latest(10, Ct)).Select(record => record.Id));
    }

    [Fact]
    public async Task A_record_comes_back_as_it_was_stored_newest_first()
    {
        var log = await Empty();
        var full = Call("ann", "k") with
        {
            FirstTokenMilliseconds = 1.5, ResponseModel = "m-1", FinishReason = "stop", Usage = new TokenUsage(7, 3, Estimated: true), ResponseSha256 = "ab", ErrorClass = "upstream_timeout",
        };
        await log.Store(Call("ann", key: null), null, null, Ct);
        await log.Store(full, null, null, Ct);

        Assert.Equal(full, Assert.Single(await log.Latest(1, Ct)));
        Assert.Equal(2, (await log.Latest(10, Ct)).Count);
        Assert.Null(await log.Find("ann", "k", Ct));
    }

    protected static ReadOnlyMemory<byte> Bytes(string text) => Encoding.UTF8.GetBytes(text);

    protected static ModelCallRecord Call(string principal, string? key) => new()
    {
        Id = Guid.CreateVersion7(),
        Model = "up/real",
        Provider = "up",
        Origin = new CallOrigin(principal, "run", "task", key),
        Streaming = false,
        StartedAt = new DateTimeOffset(2026, 1, 2, 3, 4, 5, TimeSpan.Zero),
        TotalMilliseconds = 12.25,
        Status = 200,
        RequestSha256 = "cd",
    };
}

public sealed class InMemoryModelCallLogTests : ModelCallLogCompliance
{
    protected override Task<IModelCallLog> Empty() => Task.FromResult<IModelCallLog>(new InMemoryModelCallLog(new InMemoryBudgetLedger()));
}

public sealed class EventModelCallLogTests(Servers servers) : ModelCallLogCompliance, IAsyncDisposable
{
    private NpgsqlDataSource? _database;
    private static readonly MasterKeySource Master = new(new MasterKey(SHA256.HashData("tests"u8)));

    protected override async Task<IModelCallLog> Empty() => new EventModelCallLog(await Store(), Master);

    [Fact]
    public async Task No_text_of_an_answer_lies_in_the_database()
    {
        var log = await Empty();
        await log.Store(Call("ann", "k"), null, Bytes("canary-answer"), Ct);

        await using var command = _database!.CreateCommand("select (select string_agg(data::text, '') from mt_events) || (select string_agg(a::text, '') from ap_model_answers a)");
        var all = (string)(await command.ExecuteScalarAsync(Ct))!;
        Assert.Contains("up/real", all, StringComparison.Ordinal);
        Assert.DoesNotContain("canary", all, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Old_answers_are_forgotten_and_their_records_stay()
    {
        var log = (EventModelCallLog)await Empty();
        var record = Call("ann", "k");
        await log.Store(record, null, Bytes("answer"), Ct);

        Assert.Equal(0, await log.Forget(record.StartedAt, Ct));
        Assert.Equal(1, await log.Forget(record.StartedAt + TimeSpan.FromSeconds(1), Ct));
        Assert.Null(await log.Find("ann", "k", Ct));
        Assert.Single(await log.Latest(10, Ct));
    }

    [Fact]
    public async Task Without_a_master_key_calls_are_recorded_and_answers_are_not_kept()
    {
        var log = new EventModelCallLog(await Store(), new MasterKeySource(null));
        await log.Store(Call("ann", "k"), null, Bytes("answer"), Ct);

        Assert.Null(await log.Find("ann", "k", Ct));
        Assert.Single(await log.Latest(10, Ct));
    }

    public async ValueTask DisposeAsync()
    {
        if (_database is not null)
        {
            await _database.DisposeAsync();
        }
    }

    private async Task<PostgresEventStore> Store()
    {
        var options = new EventStoreOptions();
        _database = EventStoreSetup.DataSource(await servers.NewDatabase(), options);
        await Schema.Apply(_database, Schema.Events, Ct);
        await Schema.Apply(_database, EventModelCallLog.Schema, Ct);
        return new PostgresEventStore(_database, EventTypes.Of(typeof(ModelCallEvent)), options, Contracts.ContractJson.Options,
            new StoreSignal(_database, options, NullLogger<StoreSignal>.Instance), TimeProvider.System);
    }
}
