using AgentPlatform.EventStore;

namespace AgentPlatform.ModelFabric.Calls;

/// <summary>The one thing that happens in a call's stream: it ended, one way or another.</summary>
public abstract record ModelCallEvent
{
    private ModelCallEvent()
    {
    }

    /// <param name="Model">As the caller named it.</param>
    /// <param name="ErrorClass">Null when the call was answered in full.</param>
    [StoredAs("model-called.1")]
    public sealed record ModelCalled(
        Guid Id, string Model, string Provider, string Principal, string? Run, string? Task, string? IdempotencyKey, bool Streaming,
        DateTimeOffset StartedAt, double? FirstTokenMilliseconds, double TotalMilliseconds, int Status, string? ResponseModel, string? FinishReason,
        long? InputTokens, long? OutputTokens, bool TokensEstimated, string RequestSha256, string? ResponseSha256, string? ErrorClass,
        long CacheReadTokens = 0, long CacheWriteTokens = 0, decimal? Cost = null, string? UpstreamModel = null, CallAttempt[]? Before = null,
        long ReasoningTokens = 0, string? Host = null, int Redactions = 0, Guid? CachedFrom = null, bool TextsKept = false, string? Trace = null) : ModelCallEvent
    {
        public static ModelCalled Of(ModelCallRecord record) => new(
            record.Id, record.Model, record.Provider, record.Origin.Principal, record.Origin.Run, record.Origin.Task, record.Origin.IdempotencyKey, record.Streaming,
            record.StartedAt, record.FirstTokenMilliseconds, record.TotalMilliseconds, record.Status, record.ResponseModel, record.FinishReason,
            record.Usage?.Input, record.Usage?.Output, record.Usage?.Estimated ?? false, record.RequestSha256, record.ResponseSha256, record.ErrorClass,
            record.Usage?.CacheRead ?? 0, record.Usage?.CacheWrite ?? 0, record.Cost, record.UpstreamModel, record.Before,
            record.Usage?.Reasoning ?? 0, record.Host, record.Redactions, record.CachedFrom, record.TextsKept, record.Trace);

        public ModelCallRecord ToRecord() => new()
        {
            Id = Id,
            Model = Model,
            Provider = Provider,
            Origin = new CallOrigin(Principal, Run, Task, IdempotencyKey),
            Streaming = Streaming,
            StartedAt = StartedAt,
            FirstTokenMilliseconds = FirstTokenMilliseconds,
            TotalMilliseconds = TotalMilliseconds,
            Status = Status,
            ResponseModel = ResponseModel,
            FinishReason = FinishReason,
            Usage = InputTokens is { } input && OutputTokens is { } output ? new TokenUsage(input, output, TokensEstimated, CacheReadTokens, CacheWriteTokens, ReasoningTokens) : null,
            Cost = Cost,
            UpstreamModel = UpstreamModel,
            Before = Before,
            Host = Host,
            Redactions = Redactions,
            CachedFrom = CachedFrom,
            TextsKept = TextsKept,
            Trace = Trace,
            RequestSha256 = RequestSha256,
            ResponseSha256 = ResponseSha256,
            ErrorClass = ErrorClass,
        };
    }
}
