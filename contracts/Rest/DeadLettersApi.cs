using System.Text.Json;
using RestEase;

namespace AgentPlatform.Contracts;

/// <summary>Where a dead letter is.</summary>
public enum DeadLetterState
{
    /// <summary>Nobody did anything about it.</summary>
    Waiting,

    /// <summary>Sent again; it waits anew if it fails again.</summary>
    Retried,

    /// <summary>Somebody decided that it is not needed.</summary>
    Discarded,
}

/// <summary>A message that a handler gave up on.</summary>
/// <param name="Id">Of the dead letter: the same message and handler have one.</param>
/// <param name="Message">Id of the message.</param>
/// <param name="Handler">Who gave up: the service and the message type.</param>
/// <param name="Type">The contract.</param>
/// <param name="State">Where it is.</param>
/// <param name="Cause">What went wrong the last time, in one line.</param>
/// <param name="Attempts">Tries, all told.</param>
/// <param name="DiedAt">The last time it was given up.</param>
/// <param name="RetriedAt">When it was sent again.</param>
/// <param name="DiscardedAt">When it was discarded.</param>
/// <param name="DiscardedBecause">By whom and why.</param>
public sealed record DeadLetterView(
    Guid Id,
    string Message,
    string Handler,
    string Type,
    DeadLetterState State,
    string Cause,
    int Attempts,
    DateTimeOffset DiedAt,
    DateTimeOffset? RetriedAt,
    DateTimeOffset? DiscardedAt,
    string? DiscardedBecause);

/// <summary>A dead letter with everything that is known of it.</summary>
/// <param name="Letter">The dead letter.</param>
/// <param name="Subject">The NATS subject it came on.</param>
/// <param name="Stack">Where it went wrong.</param>
/// <param name="Envelope">The message as it travelled; absent when it is no JSON.</param>
/// <param name="Raw">The message as it travelled in Base64, when it is no JSON.</param>
public sealed record DeadLetterDetail(DeadLetterView Letter, string Subject, string? Stack, JsonElement? Envelope, string? Raw);

/// <summary>Which dead letters to send again: all that wait, or fewer.</summary>
/// <param name="Handler">Only of this handler.</param>
/// <param name="Type">Only of this contract.</param>
public sealed record RetryDeadLetters(string? Handler = null, string? Type = null);

/// <summary>What came of it.</summary>
/// <param name="Retried">Sent again.</param>
/// <param name="Waiting">Of those asked for, still waiting: one request sends a bounded number, the next one goes on; what cannot be sent stays.</param>
public sealed record RetriedDeadLetters(long Retried, long Waiting);

/// <summary>Why a dead letter is not needed.</summary>
/// <param name="Reason">For the record.</param>
public sealed record DiscardDeadLetter(string Reason);

/// <summary>Dead letters over HTTP, the same on every service.</summary>
[Header("Accept", "application/json")]
public interface IDeadLettersApi
{
    /// <summary>The bearer token.</summary>
    [Header("Authorization")]
    string Authorization { get; set; }

    /// <summary>Lists dead letters, newest first.</summary>
    /// <param name="state">waiting, retried or discarded; all when absent.</param>
    /// <param name="handler">Only of this handler.</param>
    /// <param name="type">Only of this contract.</param>
    /// <param name="after">Where the page before ended.</param>
    /// <param name="limit">1 to 500.</param>
    /// <param name="ct">Stops waiting.</param>
    [Get("v1/dead-letters")]
    Task<Page<DeadLetterView>> List(
        [Query] string? state = null, [Query] string? handler = null, [Query] string? type = null, [Query] string? after = null, [Query] int? limit = null, CancellationToken ct = default);

    /// <summary>One dead letter with stack and envelope.</summary>
    /// <param name="id">Which.</param>
    /// <param name="ct">Stops waiting.</param>
    [Get("v1/dead-letters/{id}")]
    Task<DeadLetterDetail> Show([Path] Guid id, CancellationToken ct = default);

    /// <summary>Sends one again, to the handler that gave up and to nobody else.</summary>
    /// <param name="id">Which.</param>
    /// <param name="ct">Stops waiting.</param>
    [Post("v1/dead-letters/{id}/retry")]
    Task<DeadLetterView> Retry([Path] Guid id, CancellationToken ct = default);

    /// <summary>Sends all that wait again, or fewer.</summary>
    /// <param name="which">Which.</param>
    /// <param name="ct">Stops waiting.</param>
    [Post("v1/dead-letters/retry")]
    Task<RetriedDeadLetters> RetryAll([Body] RetryDeadLetters which, CancellationToken ct = default);

    /// <summary>Closes one that is not needed.</summary>
    /// <param name="id">Which.</param>
    /// <param name="why">For the record.</param>
    /// <param name="ct">Stops waiting.</param>
    [Post("v1/dead-letters/{id}/discard")]
    Task<DeadLetterView> Discard([Path] Guid id, [Body] DiscardDeadLetter why, CancellationToken ct = default);
}
