using AgentPlatform.ModelFabric.Budgets;
using AgentPlatform.ModelFabric.Exchanges;

namespace AgentPlatform.ModelFabric.Calls;

/// <summary>The twin of the durable log: the same promises for as long as the process lives.</summary>
public sealed class InMemoryModelCallLog(IBudgetLedger ledger, int recordsMax = 10_000) : IModelCallLog
{
    private readonly Lock _gate = new();
    private readonly LinkedList<ModelCallRecord> _records = new();
    private readonly List<KeptTexts> _texts = [];
    private readonly Dictionary<(string Principal, string Key), RecordedAnswer> _answers = [];

    public Task<RecordedAnswer?> Find(string principal, string idempotencyKey, CancellationToken ct)
    {
        lock (_gate)
        {
            return Task.FromResult(_answers.GetValueOrDefault((principal, idempotencyKey)));
        }
    }

    public async Task<RecordedAnswer?> Store(ModelCallRecord record, Settlement? settlement, ReadOnlyMemory<byte>? answer, CancellationToken ct)
    {
        if (settlement is not null)
        {
            await ledger.Settle(settlement, ct);
        }
        lock (_gate)
        {
            _records.AddFirst(record);
            while (_records.Count > recordsMax)
            {
                // An answer lives as long as its record, else the keys would grow without end.
                var oldest = _records.Last!.Value;
                _records.RemoveLast();
                if (oldest.Origin.IdempotencyKey is { } old && _answers.GetValueOrDefault((oldest.Origin.Principal, old))?.CallId == oldest.Id)
                {
                    _answers.Remove((oldest.Origin.Principal, old));
                }
            }
            if (answer is not { } body || record.Origin.IdempotencyKey is not { } key)
            {
                return null;
            }
            var mine = new RecordedAnswer(record.Id, record.RequestSha256, body);
            return _answers.TryAdd((record.Origin.Principal, key), mine) ? null : _answers[(record.Origin.Principal, key)];
        }
    }

    public async Task StoreAll(IReadOnlyList<CallEntry> entries, CancellationToken ct)
    {
        foreach (var entry in entries)
        {
            if (entry.Record is { } record)
            {
                await Store(record, entry.Settlement, answer: null, ct);
            }
            else if (entry.Settlement is { } settlement)
            {
                await ledger.Settle(settlement, ct);
            }
            if (entry.Texts is { } texts)
            {
                lock (_gate)
                {
                    _texts.Add(texts);
                }
            }
        }
    }

    public Task<KeptTexts?> FindTexts(string key, DateTimeOffset since, CancellationToken ct)
    {
        lock (_gate)
        {
            return Task.FromResult(_texts.Where(texts => texts.Key == key && texts.At >= since).MaxBy(texts => texts.At));
        }
    }

    public Task<KeptTexts?> Texts(Guid call, CancellationToken ct)
    {
        lock (_gate)
        {
            return Task.FromResult(_texts.Find(texts => texts.Call == call));
        }
    }

    public Task<IReadOnlyList<ModelCallRecord>> Latest(int max, CancellationToken ct)
    {
        lock (_gate)
        {
            return Task.FromResult<IReadOnlyList<ModelCallRecord>>([.. _records.Take(max)]);
        }
    }
}
