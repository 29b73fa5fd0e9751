using System.Text.Json;
using AgentPlatform.Contracts;
using AgentPlatform.EventStore;
using AgentPlatform.ModelFabric.Budgets;
using AgentPlatform.ModelFabric.Exchanges;
using AgentPlatform.ModelFabric.Providers;
using AgentPlatform.ServiceDefaults.Vault;
using Npgsql;

namespace AgentPlatform.ModelFabric.Calls;

/// <summary>
/// Calls as event streams of one event each. Answers that may have to be repeated lie beside them, sealed, in a table: they
/// are the caller's texts, which no event carries, and they are forgotten after a while.
/// </summary>
/// <remarks>Without a master key nothing can be sealed, so no answer is kept and a repeated request calls again.</remarks>
public sealed class EventModelCallLog(PostgresEventStore store, MasterKeySource master) : IModelCallLog
{
    public const string Schema =
        """
        create table if not exists ap_model_answers (
            key_hash varchar constraint ap_model_answers_once primary key,
            call_id uuid not null,
            request_sha256 varchar not null,
            sealed varchar not null,
            answered_at timestamptz not null
        );
        create index if not exists ap_model_answers_by_age on ap_model_answers (answered_at);
        create table if not exists ap_model_texts (
            call_id uuid primary key,
            key_hash varchar not null,
            content_type varchar not null,
            request bytea,
            answer bytea not null,
            kept_at timestamptz not null,
            until timestamptz not null
        );
        create index if not exists ap_model_texts_by_key on ap_model_texts (key_hash, kept_at);
        create index if not exists ap_model_texts_by_end on ap_model_texts (until);
        """;

    private const string Stream = "model-call-";
    private readonly KeyVault _vault = new(master.Key, "modelfabric/answers/1");
    private readonly KeyVault _texts = new(master.Key, "modelfabric/texts/1");

    public async Task<RecordedAnswer?> Find(string principal, string idempotencyKey, CancellationToken ct)
    {
        if (_vault.IsLocked)
        {
            return null;
        }
        var hash = Hash(principal, idempotencyKey);
        await using var command = store.Database.CreateCommand("select call_id, request_sha256, sealed from ap_model_answers where key_hash = $1");
        command.Parameters.Add(new() { Value = hash });
        await using var reader = await command.ExecuteReaderAsync(ct);
        return await reader.ReadAsync(ct)
            ? new RecordedAnswer(reader.GetGuid(0), reader.GetString(1), _vault.Open(reader.GetString(2), hash))
            : null;
    }

    public async Task<RecordedAnswer?> Store(ModelCallRecord record, Settlement? settlement, ReadOnlyMemory<byte>? answer, CancellationToken ct)
    {
        var key = answer is not null && !_vault.IsLocked ? record.Origin.IdempotencyKey : null;
        try
        {
            await Save(record, settlement, key is null ? null : Keep(record, Hash(record.Origin.Principal, key), answer!.Value), ct);
            return null;
        }
        catch (PostgresException first) when (first.SqlState == PostgresErrorCodes.UniqueViolation && first.ConstraintName == "ap_model_answers_once")
        {
            // Another replica answered the same key meanwhile. Its answer counts; that this call took place is a fact all the same.
            await Save(record, settlement, more: null, ct);
            return await Find(record.Origin.Principal, key!, ct);
        }
    }

    /// <summary>One unit of work for each run, because that is what events are found by; the units share their commit.</summary>
    public Task StoreAll(IReadOnlyList<CallEntry> entries, CancellationToken ct) =>
        Task.WhenAll(entries.GroupBy(entry => entry.Record?.Origin.Run).Select(run => SaveAll(run.Key, [.. run], ct)));

    public async Task<IReadOnlyList<ModelCallRecord>> Latest(int max, CancellationToken ct)
    {
        await using var command = store.Database.CreateCommand("select data from mt_events where type = 'model-called.1' order by seq_id desc limit $1");
        command.Parameters.Add(new() { Value = max });
        var records = new List<ModelCallRecord>();
        await using var reader = await command.ExecuteReaderAsync(ct);
        while (await reader.ReadAsync(ct))
        {
            records.Add(JsonSerializer.Deserialize<ModelCallEvent.ModelCalled>(reader.GetString(0), EventTypes.Json)!.ToRecord());
        }
        return records;
    }

    public Task<KeptTexts?> FindTexts(string key, DateTimeOffset since, CancellationToken ct) =>
        ReadTexts("key_hash = $1 and kept_at >= $2 order by kept_at desc limit 1", ct, key, since == DateTimeOffset.MinValue ? DateTimeOffset.UnixEpoch : since.ToUniversalTime());

    public Task<KeptTexts?> Texts(Guid call, CancellationToken ct) => ReadTexts("call_id = $1", ct, call);

    /// <summary>Forgets texts whose time is over; at most a bounded number in one go.</summary>
    public async Task<int> ForgetTexts(DateTimeOffset now, CancellationToken ct)
    {
        await using var command = store.Database.CreateCommand("delete from ap_model_texts where call_id in (select call_id from ap_model_texts where until < $1 order by until limit 1000)");
        command.Parameters.Add(new() { Value = now.ToUniversalTime() });
        return await command.ExecuteNonQueryAsync(ct);
    }

    private async Task<KeptTexts?> ReadTexts(string which, CancellationToken ct, params object[] values)
    {
        if (_texts.IsLocked)
        {
            return null;
        }
        await using var command = store.Database.CreateCommand($"select call_id, key_hash, content_type, request, answer, kept_at, until from ap_model_texts where {which}");
        foreach (var value in values)
        {
            command.Parameters.Add(new() { Value = value });
        }
        await using var reader = await command.ExecuteReaderAsync(ct);
        if (!await reader.ReadAsync(ct))
        {
            return null;
        }
        var call = reader.GetGuid(0);
        return new KeptTexts(call, reader.GetString(1), reader.GetString(2),
            await reader.IsDBNullAsync(3, ct) ? null : (ReadOnlyMemory<byte>?)_texts.OpenBytes(reader.GetFieldValue<byte[]>(3), $"request {call}"),
            _texts.OpenBytes(reader.GetFieldValue<byte[]>(4), $"answer {call}"), reader.GetFieldValue<DateTimeOffset>(5), reader.GetFieldValue<DateTimeOffset>(6));
    }

    private NpgsqlBatchCommand KeepTexts(KeptTexts texts) =>
        new("insert into ap_model_texts (call_id, key_hash, content_type, request, answer, kept_at, until) values ($1, $2, $3, $4, $5, $6, $7) on conflict (call_id) do nothing")
        {
            Parameters =
            {
                new() { Value = texts.Call },
                new() { Value = texts.Key },
                new() { Value = texts.ContentType },
                new() { Value = texts.Request is { } request ? _texts.SealBytes(request.Span, $"request {texts.Call}") : DBNull.Value, NpgsqlDbType = NpgsqlTypes.NpgsqlDbType.Bytea },
                new() { Value = _texts.SealBytes(texts.Answer.Span, $"answer {texts.Call}") },
                new() { Value = texts.At.ToUniversalTime() },
                new() { Value = texts.Until.ToUniversalTime() },
            },
        };

    /// <summary>Forgets answers older than this; at most a bounded number in one go.</summary>
    public async Task<int> Forget(DateTimeOffset before, CancellationToken ct)
    {
        await using var command = store.Database.CreateCommand(
            "delete from ap_model_answers where key_hash in (select key_hash from ap_model_answers where answered_at < $1 order by answered_at limit 1000)");
        command.Parameters.Add(new() { Value = before });
        return await command.ExecuteNonQueryAsync(ct);
    }

    private async Task SaveAll(string? run, CallEntry[] entries, CancellationToken ct)
    {
        var session = store.Open();
        session.CorrelationId = run;
        foreach (var entry in entries)
        {
            if (entry.Record is { } record)
            {
                // Stored after and beside the request, in a commit of many.
                session.TraceParent = entry.TraceParent;
                session.StartStream(Stream + record.Id, ModelCallEvent.ModelCalled.Of(record));
            }
        }
        foreach (var statement in PostgresBudgetLedger.Statements([.. entries.Select(entry => entry.Settlement).OfType<Settlement>()]))
        {
            session.Enlist(statement);
        }
        foreach (var texts in _texts.IsLocked ? [] : entries.Select(entry => entry.Texts).OfType<KeptTexts>())
        {
            session.Enlist(KeepTexts(texts));
        }
        await session.SaveChanges(ct);
    }

    private async Task Save(ModelCallRecord record, Settlement? settlement, NpgsqlBatchCommand? more, CancellationToken ct)
    {
        var session = store.Open();
        session.CorrelationId = record.Origin.Run;
        session.StartStream(Stream + record.Id, ModelCallEvent.ModelCalled.Of(record));
        foreach (var statement in PostgresBudgetLedger.Statements(settlement is null ? [] : [settlement]))
        {
            session.Enlist(statement);
        }
        if (more is not null)
        {
            session.Enlist(more);
        }
        await session.SaveChanges(ct);
    }

    private NpgsqlBatchCommand Keep(ModelCallRecord record, string hash, ReadOnlyMemory<byte> answer) =>
        new("insert into ap_model_answers (key_hash, call_id, request_sha256, sealed, answered_at) values ($1, $2, $3, $4, $5)")
        {
            Parameters =
            {
                new() { Value = hash },
                new() { Value = record.Id },
                new() { Value = record.RequestSha256 },
                new() { Value = _vault.Seal(answer.Span, hash) },
                new() { Value = record.StartedAt.ToUniversalTime() },
            },
        };

    private static string Hash(string principal, string key) => DerivedId.Of("idempotency", principal, key).ToString();
}
