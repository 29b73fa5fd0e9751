using System.Text.Json;
using AgentPlatform.Contracts;
using AgentPlatform.EventStore;

namespace AgentPlatform.Sessions.Inbox;

/// <summary>What can happen to a request to a human.</summary>
public abstract record HumanRequestEvent
{
    private HumanRequestEvent()
    {
    }

    [StoredAs("request-asked.1")]
    public sealed record Asked(
        RequestId Id, RequestKind Kind, string Title, string Detail, string CallHash, RunId? Run, string? Task, string AskedBy, DateTimeOffset At, DateTimeOffset? ExpiresAt,
        int Approvals = 1, DateTimeOffset? EscalatesAt = null)
        : HumanRequestEvent;

    /// <summary>A yes that is not enough by itself.</summary>
    [StoredAs("request-seconded.1")]
    public sealed record Seconded(string By, string? Comment, DateTimeOffset At, RememberFor? Remember = null, JsonElement? Arguments = null) : HumanRequestEvent;

    /// <summary>Nobody answered for too long; from now on it is for the owner.</summary>
    [StoredAs("request-escalated.1")]
    public sealed record Escalated(DateTimeOffset At) : HumanRequestEvent;

    /// <param name="Decision">Approve or Deny; a request that nobody answered is expired, not decided.</param>
    [StoredAs("request-decided.1")]
    public sealed record Decided(Decision Decision, string By, string? Comment, DateTimeOffset At, RememberFor? Remember = null, JsonElement? Arguments = null) : HumanRequestEvent;

    [StoredAs("request-expired.1")]
    public sealed record Expired(DateTimeOffset At) : HumanRequestEvent;

    [StoredAs("request-withdrawn.1")]
    public sealed record Withdrawn(string Reason, DateTimeOffset At) : HumanRequestEvent;
}
