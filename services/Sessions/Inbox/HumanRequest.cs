using AgentPlatform.Contracts;
using AgentPlatform.EventStore;

namespace AgentPlatform.Sessions.Inbox;

/// <summary>A request to a human: not there, waiting, or over. What is over stays as it is.</summary>
public abstract record HumanRequest
{
    private HumanRequest()
    {
    }

    public sealed record Unknown : HumanRequest;

    public sealed record Pending(HumanRequestEvent.Asked Question, IReadOnlyList<HumanRequestEvent.Seconded> Yeses, DateTimeOffset? EscalatedAt = null) : HumanRequest
    {
        public bool IsOverdue(DateTimeOffset now) => Question.ExpiresAt <= now;

        /// <summary>Whether it is for the owner now, or should be said to be.</summary>
        public bool IsForOwner(DateTimeOffset now) => EscalatedAt is not null || Question.EscalatesAt <= now;

        /// <summary>When the clock has something to say next.</summary>
        public DateTimeOffset? NextLook => EscalatedAt is null && Question.EscalatesAt is { } escalates && (Question.ExpiresAt is not { } end || escalates < end) ? escalates : Question.ExpiresAt;
    }

    public sealed record Answered(HumanRequestEvent.Asked Question, HumanRequestEvent.Decided Answer) : HumanRequest
    {
        /// <summary>Whether somebody says the very same thing again.</summary>
        public bool Is(AnswerRequest answer) =>
            (answer.Decision, answer.Remember, answer.Arguments?.GetRawText()) == (Answer.Decision, Answer.Remember, Answer.Arguments?.GetRawText());
    }

    public sealed record Expired(HumanRequestEvent.Asked Question, DateTimeOffset At) : HumanRequest;

    public sealed record Withdrawn(HumanRequestEvent.Asked Question, string Reason, DateTimeOffset At) : HumanRequest;

    public const string ViewKind = "requests";

    public static readonly StreamKind<HumanRequest, HumanRequestEvent> Stream = new("request", new Unknown(), Evolve, View);

    public static HumanRequest Evolve(HumanRequest request, HumanRequestEvent fact) => (request, fact) switch
    {
        (Unknown, HumanRequestEvent.Asked f) => new Pending(f, []),
        (Pending p, HumanRequestEvent.Seconded f) => p with { Yeses = [.. p.Yeses, f] },
        (Pending p, HumanRequestEvent.Escalated f) => p with { EscalatedAt = f.At },
        (Pending p, HumanRequestEvent.Decided f) => new Answered(p.Question, f),
        (Pending p, HumanRequestEvent.Expired f) => new Expired(p.Question, f.At),
        (Pending p, HumanRequestEvent.Withdrawn f) => new Withdrawn(p.Question, f.Reason, f.At),
        _ => request,
    };

    /// <summary>As the API shows it; null while there is nothing to show.</summary>
    public static RequestView? Show(HumanRequest request) => request switch
    {
        Pending p => Show(p.Question, RequestState.Pending, by: null, comment: null, at: null) with { ApprovedBy = p.Yeses.Count == 0 ? null : [.. p.Yeses.Select(y => y.By)], EscalatedAt = p.EscalatedAt },
        Answered { Answer: var a } answered => Show(answered.Question, a.Decision == Decision.Approve ? RequestState.Approved : RequestState.Denied, a.By, a.Comment, a.At),
        Expired e => Show(e.Question, RequestState.Expired, by: null, comment: null, e.At),
        Withdrawn w => Show(w.Question, RequestState.Withdrawn, by: null, w.Reason, w.At),
        _ => null,
    };

    private static RequestView Show(HumanRequestEvent.Asked q, RequestState state, string? by, string? comment, DateTimeOffset? at) =>
        new(q.Id, q.Kind, state, q.Title, q.Detail, q.CallHash, q.Run, q.Task, q.AskedBy, q.At, q.ExpiresAt, by, comment, at, q.Approvals);

    private static ViewRow? View(HumanRequest request) => Show(request) is { } view
        ? new ViewRow(ViewKind, view.Id.ToString(), view.AskedAt.UtcDateTime.ToString("O"), Tag(view.State), view)
        : null;

    public static string Tag(RequestState state) => state.ToString().ToLowerInvariant();
}
