using AgentPlatform.Contracts;
using AgentPlatform.EventStore;
using AgentPlatform.ServiceDefaults;

namespace AgentPlatform.Sessions.Live;

/// <summary>Open, list, show, close, and the recording.</summary>
public static class ManageSessions
{
    public static async Task<IResult> Open(OpenSessionRequest request, HttpContext http, LiveSessions sessions, IEventStore store, CancellationToken ct)
    {
        if (request.Columns is < 20 or > 500 || request.Rows is < 5 or > 200)
        {
            throw new ProblemException(StatusCodes.Status400BadRequest, "bad-size", "columns must lie between 20 and 500, rows between 5 and 200");
        }
        var id = await sessions.Open(request, http.User.Identity!.Name!, ct);
        return Results.Created($"/v1/sessions/{id}", await One(id, sessions, store, ct));
    }

    public static async Task<Page<SessionView>> List(LiveSessions sessions, IEventStore store, CancellationToken ct, string? after = null, int? limit = null)
    {
        var page = await Pages.List<SessionView>(store, new ViewQuery(SessionRecord.ViewKind, Pages.Limit(limit), after, Descending: true), ct);
        return page with { Items = [.. page.Items.Select(view => Lively(view, sessions))] };
    }

    public static async Task<SessionView> One(SessionId id, LiveSessions sessions, IEventStore store, CancellationToken ct) =>
        Lively(await Find(id, store, ct), sessions);

    public static async Task<SessionView> Close(SessionId id, HttpContext http, LiveSessions sessions, IEventStore store, CancellationToken ct)
    {
        var view = await Find(id, store, ct);
        if (view.State == SessionState.Open && !await sessions.Close(id, $"closed by {http.User.Identity!.Name}") && (await Find(id, store, ct)).State == SessionState.Open)
        {
            throw new ProblemException(StatusCodes.Status409Conflict, "session-elsewhere", $"Session {id} lives in another instance of the service; ask that one");
        }
        return await One(id, sessions, store, ct);
    }

    public static async Task<IResult> Recording(SessionId id, IEventStore store, SessionFolders folders, CancellationToken ct)
    {
        _ = await Find(id, store, ct);
        var path = folders.Recording(id);
        if (!File.Exists(path))
        {
            throw new ProblemException(StatusCodes.Status404NotFound, "recording-not-found", $"There is no recording of session {id}; it was deleted after Sessions:RecordingsKept or is on another node");
        }
        // Shared with the writer: a session that is still open can be replayed up to now.
        var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        return Results.Stream(file, "application/x-asciicast", $"session-{id}.cast");
    }

    private static async Task<SessionView> Find(SessionId id, IEventStore store, CancellationToken ct) =>
        await store.Views.Find<SessionView>(SessionRecord.ViewKind, id.ToString(), ct) ?? throw ProblemException.NotFound("session", id);

    private static SessionView Lively(SessionView view, LiveSessions sessions) =>
        sessions.Terminal(view.Id) is { } terminal ? view with { LastSequence = terminal.Stream.LastSeq } : view;
}
