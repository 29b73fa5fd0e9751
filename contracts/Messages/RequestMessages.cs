using System.Text.Json;
using System.Text.Json.Serialization;

namespace AgentPlatform.Contracts;

/// <summary>What kind of answer a human is asked for.</summary>
public enum RequestKind
{
    /// <summary>Yes or no to exactly one thing.</summary>
    Approval,
}

/// <summary>What a human (or the clock) decided.</summary>
public enum Decision
{
    /// <summary>Yes.</summary>
    Approve,

    /// <summary>No.</summary>
    Deny,

    /// <summary>Nobody answered in time; counts as no, never as yes.</summary>
    Expired,
}

/// <summary>For what else a yes is good.</summary>
public enum RememberFor
{
    /// <summary>The same tool in this task.</summary>
    Task,

    /// <summary>The same tool in this run.</summary>
    Run,

    /// <summary>The same tool for the same role, until the grant is taken back.</summary>
    Always,
}

/// <summary>Asks Sessions to put a request into the human inbox; told twice is one request.</summary>
/// <param name="Request">The id of the request.</param>
/// <param name="Kind">What kind of answer is wanted.</param>
/// <param name="Title">One line.</param>
/// <param name="Detail">What exactly would happen; Markdown.</param>
/// <param name="CallHash">SHA-256 (hex) of what is approved: the decision is good for nothing else.</param>
/// <param name="Run">The run it belongs to, if any.</param>
/// <param name="Task">The task of that run.</param>
/// <param name="AskedBy">The principal that wants it; never the one who may answer.</param>
/// <param name="ExpiresAt">When silence becomes a no; never when absent.</param>
/// <param name="Approvals">How many different principals must say yes to the same thing, 1 to 10; one no is enough for a no.</param>
/// <param name="EscalatesAt">From when on only an owner may answer, if nobody has by then; never when absent.</param>
[Command(ServiceNames.Sessions, "request-decision")]
public sealed record RequestDecision(
    RequestId Request,
    RequestKind Kind,
    string Title,
    string Detail,
    string CallHash,
    RunId? Run,
    string? Task,
    string AskedBy,
    DateTimeOffset? ExpiresAt,
    int Approvals = 1,
    DateTimeOffset? EscalatesAt = null) : ICommand;

/// <summary>Takes a pending request back, because nobody waits for it any more.</summary>
/// <param name="Request">The id of the request.</param>
/// <param name="Reason">Shown in the record.</param>
[Command(ServiceNames.Sessions, "withdraw-request")]
public sealed record WithdrawRequest(RequestId Request, string Reason) : ICommand;

/// <summary>A request was answered, or expired; sent once per request.</summary>
/// <param name="Request">The id of the request.</param>
/// <param name="Run">The run it belongs to, if any.</param>
/// <param name="Task">The task of that run.</param>
/// <param name="Decision">The answer.</param>
/// <param name="CallHash">What it was about; must equal what was asked.</param>
/// <param name="DecidedBy">The principal, or <c>clock</c>.</param>
/// <param name="Comment">What the human added.</param>
/// <param name="At">When.</param>
/// <param name="Remember">For what else the yes is good; for nothing else when absent.</param>
/// <param name="Arguments">What to run instead of what was asked: the human edited it and said yes to that.</param>
[IntegrationEvent(ServiceNames.Sessions, "request", "decided")]
public sealed record RequestDecided(
    RequestId Request,
    RunId? Run,
    string? Task,
    Decision Decision,
    string CallHash,
    string DecidedBy,
    string? Comment,
    DateTimeOffset At,
    RememberFor? Remember = null,
    JsonElement? Arguments = null) : IIntegrationEvent
{
    /// <inheritdoc/>
    [JsonIgnore]
    public string AboutId => Request.ToString();
}
