using AgentPlatform.Contracts;
using AgentPlatform.EventStore;

namespace AgentPlatform.Sessions.Live;

/// <summary>What is recorded of a session; what was seen in it is in its recording, not here.</summary>
public abstract record SessionEvent
{
    private SessionEvent()
    {
    }

    [StoredAs("session-opened.1")]
    public sealed record SessionOpened(SessionId Id, SessionKind Kind, WorkspaceId? Workspace, int Columns, int Rows, string Node, string By, DateTimeOffset At) : SessionEvent;

    /// <param name="ExitCode">Null when nobody was there to see it.</param>
    /// <param name="RecordingStoppedBecause">Null when the recording is complete.</param>
    [StoredAs("session-closed.1")]
    public sealed record SessionClosed(string Reason, int? ExitCode, string? RecordingStoppedBecause, DateTimeOffset At) : SessionEvent;
}

/// <summary>A session as its stream tells it.</summary>
public abstract record SessionRecord
{
    private SessionRecord()
    {
    }

    public sealed record Unknown : SessionRecord;

    public sealed record Open(SessionEvent.SessionOpened Opening) : SessionRecord;

    public sealed record Closed(SessionEvent.SessionOpened Opening, SessionEvent.SessionClosed Closing) : SessionRecord;

    public const string ViewKind = "sessions";

    public static readonly StreamKind<SessionRecord, SessionEvent> Stream = new("session", new Unknown(), Evolve, View);

    public static SessionRecord Evolve(SessionRecord session, SessionEvent fact) => (session, fact) switch
    {
        (Unknown, SessionEvent.SessionOpened f) => new Open(f),
        (Open o, SessionEvent.SessionClosed f) => new Closed(o.Opening, f),
        _ => session,
    };

    private static ViewRow? View(SessionRecord session) => session switch
    {
        Open o => Row(o.Opening, c: null, tag: OpenOn(o.Opening.Node)),
        Closed c => Row(c.Opening, c.Closing, tag: "closed"),
        _ => null,
    };

    /// <summary>Sessions that a node has open; what it finds under this at its start, it lost.</summary>
    public static string OpenOn(string node) => $"open on {node}";

    private static ViewRow Row(SessionEvent.SessionOpened o, SessionEvent.SessionClosed? c, string tag) => new(
        ViewKind, o.Id.ToString(), o.At.UtcDateTime.ToString("O"), tag,
        new SessionView(o.Id, o.Kind, c is null ? SessionState.Open : SessionState.Closed, o.By, o.At, c?.At, c?.ExitCode, c?.Reason, LastSequence: 0));
}
