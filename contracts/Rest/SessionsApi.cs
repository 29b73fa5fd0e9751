using System.Text.Json;
using RestEase;

namespace AgentPlatform.Contracts;

/// <summary>Where a request is.</summary>
public enum RequestState
{
    /// <summary>Nobody answered yet.</summary>
    Pending,

    /// <summary>Yes.</summary>
    Approved,

    /// <summary>No.</summary>
    Denied,

    /// <summary>Nobody answered in time.</summary>
    Expired,

    /// <summary>Nobody waits for it any more.</summary>
    Withdrawn,
}

/// <summary>A request in the human inbox.</summary>
/// <param name="Id">The request.</param>
/// <param name="Kind">What kind of answer is wanted.</param>
/// <param name="State">Where it is.</param>
/// <param name="Title">One line.</param>
/// <param name="Detail">What exactly would happen.</param>
/// <param name="CallHash">What the decision is bound to.</param>
/// <param name="Run">The run it belongs to.</param>
/// <param name="Task">The task.</param>
/// <param name="AskedBy">Who wants it.</param>
/// <param name="AskedAt">Since when.</param>
/// <param name="ExpiresAt">When silence becomes a no.</param>
/// <param name="DecidedBy">Who answered.</param>
/// <param name="Comment">What they added.</param>
/// <param name="DecidedAt">When.</param>
/// <param name="Approvals">How many must say yes.</param>
/// <param name="ApprovedBy">Who has, while that is not enough.</param>
/// <param name="EscalatedAt">Since when only an owner may answer; absent while others may.</param>
public sealed record RequestView(
    RequestId Id,
    RequestKind Kind,
    RequestState State,
    string Title,
    string Detail,
    string CallHash,
    RunId? Run,
    string? Task,
    string AskedBy,
    DateTimeOffset AskedAt,
    DateTimeOffset? ExpiresAt,
    string? DecidedBy,
    string? Comment,
    DateTimeOffset? DecidedAt,
    int Approvals = 1,
    string[]? ApprovedBy = null,
    DateTimeOffset? EscalatedAt = null);

/// <summary>An answer to a request.</summary>
/// <param name="Decision">approve or deny.</param>
/// <param name="Comment">For the record.</param>
/// <param name="Remember">For what else a yes is good; for nothing else when absent.</param>
/// <param name="Arguments">With a yes to an approval: the arguments to run with instead, a JSON object.</param>
public sealed record DecideRequest(Decision Decision, string? Comment = null, RememberFor? Remember = null, JsonElement? Arguments = null);

/// <summary>What kind of thing a session is.</summary>
public enum SessionKind
{
    /// <summary>A shell on a real pseudo-terminal.</summary>
    Terminal,
}

/// <summary>Whether a session still lives.</summary>
public enum SessionState
{
    /// <summary>It lives.</summary>
    Open,

    /// <summary>It ended.</summary>
    Closed,
}

/// <summary>Opens a session.</summary>
/// <param name="Kind">terminal.</param>
/// <param name="Workspace">The folder it begins in; a folder of its own when absent.</param>
/// <param name="Columns">Width, 20 to 500; 120 when absent.</param>
/// <param name="Rows">Height, 5 to 200; 32 when absent.</param>
public sealed record OpenSessionRequest(SessionKind Kind, WorkspaceId? Workspace = null, int? Columns = null, int? Rows = null);

/// <summary>A session.</summary>
/// <param name="Id">The session.</param>
/// <param name="Kind">What it is.</param>
/// <param name="State">Whether it still lives.</param>
/// <param name="OpenedBy">The principal.</param>
/// <param name="OpenedAt">Since when.</param>
/// <param name="ClosedAt">Until when.</param>
/// <param name="ExitCode">Of the shell.</param>
/// <param name="Reason">Why it closed.</param>
/// <param name="LastSequence">Sequence number of the newest chunk of output.</param>
public sealed record SessionView(
    SessionId Id,
    SessionKind Kind,
    SessionState State,
    string OpenedBy,
    DateTimeOffset OpenedAt,
    DateTimeOffset? ClosedAt,
    int? ExitCode,
    string? Reason,
    long LastSequence);

/// <summary>Sessions over HTTP; the live stream is a WebSocket at <c>/v1/sessions/{id}/stream</c>.</summary>
[Header("Accept", "application/json")]
public interface ISessionsApi
{
    /// <summary>The bearer token.</summary>
    [Header("Authorization")]
    string Authorization { get; set; }

    /// <summary>Opens a session.</summary>
    /// <param name="request">What to open.</param>
    /// <param name="ct">Stops waiting.</param>
    [Post("v1/sessions")]
    Task<SessionView> Open([Body] OpenSessionRequest request, CancellationToken ct = default);

    /// <summary>Lists sessions, newest first.</summary>
    /// <param name="after">Where the page before ended.</param>
    /// <param name="limit">1 to 200.</param>
    /// <param name="ct">Stops waiting.</param>
    [Get("v1/sessions")]
    Task<Page<SessionView>> List([Query] string? after = null, [Query] int? limit = null, CancellationToken ct = default);

    /// <summary>One session.</summary>
    /// <param name="id">The session.</param>
    /// <param name="ct">Stops waiting.</param>
    [Get("v1/sessions/{id}")]
    Task<SessionView> Get([Path] SessionId id, CancellationToken ct = default);

    /// <summary>Ends a session and every process in it.</summary>
    /// <param name="id">The session.</param>
    /// <param name="ct">Stops waiting.</param>
    [Post("v1/sessions/{id}/close")]
    Task<SessionView> Close([Path] SessionId id, CancellationToken ct = default);

    /// <summary>Lists requests, oldest first.</summary>
    /// <param name="state">Only these; all when absent.</param>
    /// <param name="after">Where the page before ended.</param>
    /// <param name="limit">1 to 200.</param>
    /// <param name="ct">Stops waiting.</param>
    [Get("v1/requests")]
    Task<Page<RequestView>> ListRequests([Query] string? state = null, [Query] string? after = null, [Query] int? limit = null, CancellationToken ct = default);

    /// <summary>One request.</summary>
    /// <param name="id">The request.</param>
    /// <param name="ct">Stops waiting.</param>
    [Get("v1/requests/{id}")]
    Task<RequestView> GetRequest([Path] RequestId id, CancellationToken ct = default);

    /// <summary>Answers a request. The same answer again changes nothing; another answer is a conflict.</summary>
    /// <param name="id">The request.</param>
    /// <param name="answer">The answer.</param>
    /// <param name="ct">Stops waiting.</param>
    [Post("v1/requests/{id}/decide")]
    Task<RequestView> Decide([Path] RequestId id, [Body] DecideRequest answer, CancellationToken ct = default);
}
