using AgentPlatform.ModelFabric.Budgets;

namespace AgentPlatform.ModelFabric.Calls;

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

    /// <summary>The latest records, newest first.</summary>
    Task<IReadOnlyList<ModelCallRecord>> Latest(int max, CancellationToken ct);
}
