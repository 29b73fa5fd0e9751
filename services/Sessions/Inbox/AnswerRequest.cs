using System.Text.Json;
using AgentPlatform.Contracts;
using AgentPlatform.Messaging;
using AgentPlatform.ServiceDefaults;

namespace AgentPlatform.Sessions.Inbox;

/// <summary>A human's answer.</summary>
public sealed record AnswerRequest(RequestId Id, Decision Decision, string? Comment, string By, DateTimeOffset Now, RememberFor? Remember = null, JsonElement? Arguments = null, bool IsOwner = false)
{
    private const int CommentCharactersMax = 10_000;
    private const int ArgumentCharactersMax = 256 * 1024;

    /// <summary>Pure. The same answer again is no new fact; one that comes too late finds the request expired, whether or not the clock's own message has arrived.</summary>
    public static (HumanRequestEvent[] Facts, object[] Outgoing) Decide(AnswerRequest command, HumanRequest request)
    {
        switch (request)
        {
            case HumanRequest.Pending p when p.IsOverdue(command.Now):
                return ([new HumanRequestEvent.Expired(command.Now)], [RequestPublisher.Expired(p.Question, command.Now)]);
            case HumanRequest.Pending p when p.Question.AskedBy == command.By:
                throw new ProblemException(StatusCodes.Status403Forbidden, "own-request", $"'{command.By}' asked for this and cannot answer it; somebody else with the role approver, operator or owner can");
            case HumanRequest.Pending p when p.IsForOwner(command.Now) && !command.IsOwner:
                throw new ProblemException(StatusCodes.Status403Forbidden, "escalated", $"Nobody answered until {p.EscalatedAt ?? p.Question.EscalatesAt:O}; now only an owner can");
            case HumanRequest.Pending p when command.Decision == Decision.Approve && p.Yeses.FirstOrDefault(yes => !Same(yes, command)) is { } other:
                throw Conflict($"'{other.By}' has said yes to {(other.Arguments is null ? "what was asked" : "other arguments")}{(other.Remember is { } remember ? $", for the whole {remember}" : string.Empty)}; say yes to the same, or no");
            case HumanRequest.Pending p when command.Decision == Decision.Approve && p.Yeses.Any(yes => yes.By == command.By):
                return ([], []);
            case HumanRequest.Pending p when command.Decision == Decision.Approve && p.Yeses.Count + 1 < p.Question.Approvals:
                return ([new HumanRequestEvent.Seconded(command.By, command.Comment, command.Now, command.Remember, command.Arguments)], []);
            case HumanRequest.Pending p:
                var fact = new HumanRequestEvent.Decided(command.Decision, command.By, command.Comment, command.Now, command.Remember, command.Arguments);
                return ([fact], [RequestPublisher.Decided(p.Question, fact)]);
            case HumanRequest.Answered a when a.Is(command):
                return ([], []);
            case HumanRequest.Answered a:
                throw Conflict($"'{a.Answer.By}' has answered '{a.Answer.Decision}' already, and an answer is final");
            case HumanRequest.Expired e:
                throw Conflict($"The request expired at {e.At:O}; nobody waits for the answer any more");
            case HumanRequest.Withdrawn w:
                throw Conflict($"The request was taken back: {w.Reason}");
            default:
                throw ProblemException.NotFound("request", command.Id);
        }
    }

    /// <summary><c>POST /v1/requests/{id}/decide</c></summary>
    public static async Task<RequestView> Handle(RequestId id, DecideRequest answer, HttpContext http, DecisionWriter streams, TimeProvider time, CancellationToken ct)
    {
        if (answer.Decision is not (Decision.Approve or Decision.Deny))
        {
            throw new ProblemException(StatusCodes.Status400BadRequest, "bad-decision", "decision must be 'approve' or 'deny'; only the clock lets a request expire");
        }
        if (answer.Comment?.Length > CommentCharactersMax)
        {
            throw new ProblemException(StatusCodes.Status400BadRequest, "comment-too-long", $"A comment has at most {CommentCharactersMax} characters");
        }
        if (answer.Decision == Decision.Deny && (answer.Remember is not null || answer.Arguments is not null))
        {
            throw new ProblemException(StatusCodes.Status400BadRequest, "bad-decision", "'remember' and 'arguments' belong to a yes; a no has neither");
        }
        if (answer.Arguments is { ValueKind: not JsonValueKind.Object } || answer.Arguments?.GetRawText().Length > ArgumentCharactersMax)
        {
            throw new ProblemException(StatusCodes.Status400BadRequest, "bad-arguments", $"'arguments' is a JSON object of at most {ArgumentCharactersMax} characters: what the tool is to be called with instead");
        }
        var command = new AnswerRequest(id, answer.Decision, answer.Comment, http.User.Identity!.Name!, time.GetUtcNow(), answer.Remember, answer.Arguments, http.User.IsInRole("owner"));
        string? run = null;
        var (after, _) = await streams.Write(
            HumanRequest.Stream, id.ToString(),
            state =>
            {
                run = HumanRequest.Show(state)?.Run?.ToString();
                return Decide(command, state);
            },
            session => session.CorrelationId = run,
            ct);
        return after is HumanRequest.Expired e ? throw Conflict($"The request expired at {e.Question.ExpiresAt:O}; the answer came too late") : HumanRequest.Show(after)!;
    }

    private static bool Same(HumanRequestEvent.Seconded yes, AnswerRequest command) =>
        (yes.Remember, yes.Arguments?.GetRawText()) == (command.Remember, command.Arguments?.GetRawText());

    private static ProblemException Conflict(string why) => new(StatusCodes.Status409Conflict, "request-over", why);
}
