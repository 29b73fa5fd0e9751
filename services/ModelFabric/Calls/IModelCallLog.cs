using AgentPlatform.ModelFabric.Budgets;
using AgentPlatform.ModelFabric.Exchanges;

namespace AgentPlatform.ModelFabric.Calls;

/// <summary>What is to be stored of a call whose answer is out.</summary>
/// <param name="Id">The call.</param>
/// <param name="Record">Null when only what it used is to be counted.</param>
/// <param name="Settlement">What it used, settled together with the record; null when no provider was asked.</param>
/// <param name="Texts">Question and answer, where a policy has them kept.</param>
/// <param name="TraceParent">The span of the call, for the event that is stored after it.</param>
public sealed record CallEntry(Guid Id, ModelCallRecord? Record, Settlement? Settlement, KeptTexts? Texts = null, string? TraceParent = null)
{
    /// <summary>What the journal knows it by: a call has one record, and beside it perhaps settlements of attempts that came to nothing. Null for what need not outlive the process.</summary>
    public Guid? Key => Record is not null ? Id : Settlement?.Attempt;
}

/// <summary>One record per call, and the answers of calls that carried an Idempotency-Key.</summary>
public interface IModelCallLog
{
    /// <summary>The answer recorded under the principal's key, if there is one.</summary>
    Task<RecordedAnswer?> Find(string principal, string idempotencyKey, CancellationToken ct);

    /// <summary>
    /// Stores the record. With an answer, stores that too, under the record's idempotency key.
    /// Two replicas may answer the same key at the same time: the first to store wins, and the other gets the winner's
    /// answer back and must give that to its client, so that one key never has two answers.
    /// </summary>
    /// <param name="record">The call.</param>
    /// <param name="settlement">What it used, settled together with the record; null when no provider was asked.</param>
    /// <param name="answer">The answer to keep for repetition.</param>
    /// <param name="ct">Cancels the write.</param>
    Task<RecordedAnswer?> Store(ModelCallRecord record, Settlement? settlement, ReadOnlyMemory<byte>? answer, CancellationToken ct);

    /// <summary>Stores many, all or none; told twice it refuses and changes nothing.</summary>
    Task StoreAll(IReadOnlyList<CallEntry> entries, CancellationToken ct);

    /// <summary>The latest texts kept under this key that are not older than this.</summary>
    Task<KeptTexts?> FindTexts(string key, DateTimeOffset since, CancellationToken ct);

    /// <summary>The texts kept of a call.</summary>
    Task<KeptTexts?> Texts(Guid call, CancellationToken ct);

    /// <summary>The latest records, newest first.</summary>
    Task<IReadOnlyList<ModelCallRecord>> Latest(int max, CancellationToken ct);
}
