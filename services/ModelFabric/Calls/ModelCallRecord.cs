namespace AgentPlatform.ModelFabric.Calls;

/// <summary>Tokens of one call.</summary>
/// <param name="Input">All of the question, what came from a cache and what was written to one included.</param>
/// <param name="Reasoning">How much of the answer was reasoning, where the provider says so.</param>
/// <param name="Estimated">The provider did not say: the question was counted here, and four characters of the answer taken for one token.</param>
public sealed record TokenUsage(long Input, long Output, bool Estimated, long CacheRead = 0, long CacheWrite = 0, long Reasoning = 0);

/// <summary>Who asked, and for what: from the request's headers.</summary>
public sealed record CallOrigin(string Principal, string? Run, string? Task, string? IdempotencyKey);

/// <summary>What is kept of one call, whether it ended well, failed or was given up. Texts are not kept, their hashes are.</summary>
public sealed record ModelCallRecord
{
    public required Guid Id { get; init; }
    public required string Model { get; init; }
    public required string Provider { get; init; }
    public required CallOrigin Origin { get; init; }
    public required bool Streaming { get; init; }
    public required DateTimeOffset StartedAt { get; init; }
    public double? FirstTokenMilliseconds { get; init; }
    public required double TotalMilliseconds { get; init; }
    public required int Status { get; init; }
    public string? ResponseModel { get; init; }
    public string? FinishReason { get; init; }
    public TokenUsage? Usage { get; init; }

    /// <summary>By the price of that day; null when none is known.</summary>
    public decimal? Cost { get; init; }

    /// <summary>The host it went to; null when it stayed on this machine.</summary>
    public string? Host { get; init; }

    /// <summary>How many texts a policy took out before it left.</summary>
    public int Redactions { get; init; }

    /// <summary>The call whose answer was given again; no provider was asked.</summary>
    public Guid? CachedFrom { get; init; }

    /// <summary>Whether a policy had question and answer kept.</summary>
    public bool TextsKept { get; init; }

    /// <summary>The trace it belongs to.</summary>
    public string? Trace { get; init; }

    /// <summary>The model's name at the provider where the caller named a route.</summary>
    public string? UpstreamModel { get; init; }

    /// <summary>The candidates that failed before; null when the first one counted.</summary>
    public CallAttempt[]? Before { get; init; }

    public required string RequestSha256 { get; init; }
    public string? ResponseSha256 { get; init; }

    /// <summary>Null when the call was answered in full.</summary>
    public string? ErrorClass { get; init; }
}

/// <summary>A candidate that was asked and left.</summary>
public sealed record CallAttempt(string Provider, string Model, string ErrorClass, double Milliseconds);

/// <summary>An answer that can be given again.</summary>
public sealed record RecordedAnswer(Guid CallId, string RequestSha256, ReadOnlyMemory<byte> Body);
