using System.Collections.Concurrent;
using AgentPlatform.Contracts;
using AgentPlatform.EventStore;
using AgentPlatform.Messaging;
using AgentPlatform.ServiceDefaults;
using AgentPlatform.Sessions.Terminals;
using Microsoft.Extensions.Options;

namespace AgentPlatform.Sessions.Live;

/// <summary>
/// The sessions that live in this process. Opening is stored before the program starts and its end after it ended, so a
/// crash leaves an open record and never an unrecorded program; the next start of the same node closes what it finds.
/// </summary>
public sealed partial class LiveSessions(
    IEventStore store, DecisionWriter streams, SessionFolders folders, LiveFeed feed, IOptions<SessionsOptions> options, TimeProvider time, ILogger<LiveSessions> logger) : IHostedService, IDisposable
{
    private static readonly TimeSpan StoreAgainAfter = TimeSpan.FromSeconds(1);
    private readonly ConcurrentDictionary<SessionId, LiveSession> _live = new();
    private readonly SemaphoreSlim _places = new(options.Value.SessionsMax);
    private readonly CancellationTokenSource _stopping = new();
    private readonly ILogger _logger = logger;

    private sealed record LiveSession(Terminal Terminal, Task Ended)
    {
        /// <summary>Set by whoever closes it; a session that ends by itself has none.</summary>
        public string? ClosedBecause { get; set; }
    }

    public Terminal? Terminal(SessionId id) => _live.GetValueOrDefault(id)?.Terminal;

    public async Task<SessionId> Open(OpenSessionRequest request, string by, CancellationToken ct)
    {
        if (_stopping.IsCancellationRequested)
        {
            throw new ProblemException(StatusCodes.Status503ServiceUnavailable, "stopping", "The service is stopping; try again in a moment");
        }
        if (!await _places.WaitAsync(TimeSpan.Zero, ct))
        {
            throw new ProblemException(StatusCodes.Status429TooManyRequests, "too-many-sessions", $"{options.Value.SessionsMax} sessions are open (Sessions:SessionsMax). Close one");
        }
        var begun = false;
        try
        {
            var id = SessionId.New();
            var folder = folders.Prepare(id, request.Workspace);
            var (columns, rows) = (request.Columns ?? 120, request.Rows ?? 32);
            await Store(id, new SessionEvent.SessionOpened(id, request.Kind, request.Workspace, columns, rows, options.Value.Node, by, time.GetUtcNow()), ct);
            begun = true;
            Begin(id, folder, columns, rows);
            return id;
        }
        finally
        {
            // From here on the place is given back when the session has ended.
            if (!begun)
            {
                _places.Release();
            }
        }
    }

    /// <summary>Ends a session; one that has ended already is left as it is. True when it lived here.</summary>
    public async Task<bool> Close(SessionId id, string because)
    {
        if (!_live.TryGetValue(id, out var session))
        {
            return false;
        }
        session.ClosedBecause ??= because;
        await session.Terminal.Close();
        await session.Ended;
        return true;
    }

    public async Task StartAsync(CancellationToken cancellationToken)
    {
        var node = options.Value.Node;
        ViewQuery query = new(SessionRecord.ViewKind, Limit: 200, Tag: SessionRecord.OpenOn(node));
        for (var page = await store.Views.List<SessionView>(query, cancellationToken); ; page = await store.Views.List<SessionView>(query with { After = page.Next }, cancellationToken))
        {
            foreach (var left in page.Rows)
            {
                // The hang-up ended what listens to it; this is for what does not.
                SessionProcesses.KillAll(SessionProcesses.NoLeader, Mark(left.Id));
                await Store(left.Id, new SessionEvent.SessionClosed("the service ended without closing it", ExitCode: null, RecordingStoppedBecause: "the service ended", time.GetUtcNow()), cancellationToken);
                LeftOpen(left.Id.ToString(), node);
            }
            if (page.Next is null)
            {
                return;
            }
        }
    }

    public async Task StopAsync(CancellationToken cancellationToken)
    {
        await _stopping.CancelAsync();
        await Task.WhenAll(_live.Keys.Select(id => Close(id, "the service stopped")));
    }

    public void Dispose()
    {
        _places.Dispose();
        _stopping.Dispose();
    }

    private static string Mark(SessionId id) => id.ToString();

    private void Begin(SessionId id, string folder, int columns, int rows)
    {
        Terminal terminal;
        try
        {
            terminal = Terminals.Terminal.Open(
                Mark(id),
                new TerminalSpec { Command = [options.Value.Shell], WorkingDirectory = folder, Columns = columns, Rows = rows, RecordingPath = folders.Recording(id) },
                options.Value.Terminal, time);
        }
        catch (TerminalException failed)
        {
            _ = Task.Run(async () =>
            {
                await StoreEnd(id, new SessionEvent.SessionClosed($"could not be opened: {failed.Message}", ExitCode: null, RecordingStoppedBecause: null, time.GetUtcNow()));
                _places.Release();
            });
            throw new ProblemException(StatusCodes.Status500InternalServerError, "terminal-failed", failed.Message);
        }
        feed.Follow(id, terminal.Stream);
        var ended = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _live[id] = new LiveSession(terminal, ended.Task);
        _ = Task.Run(async () =>
        {
            try
            {
                await AwaitEnd(id, terminal);
            }
            finally
            {
                _live.TryRemove(id, out _);
                _places.Release();
                ended.SetResult();
            }
        });
    }

    private async Task AwaitEnd(SessionId id, Terminal terminal)
    {
        var code = await terminal.Exited;
        var reason = _live[id].ClosedBecause ?? "the program ended";
        if (terminal.RecordingStoppedBecause is { } early)
        {
            RecordingStopped(id.ToString(), early);
        }
        await StoreEnd(id, new SessionEvent.SessionClosed(reason, code, terminal.RecordingStoppedBecause, time.GetUtcNow()));
        SessionEnded(id.ToString(), reason);
        await terminal.DisposeAsync();
    }

    /// <summary>Until it is stored, or the service stops: then the next start stores it.</summary>
    private async Task StoreEnd(SessionId id, SessionEvent.SessionClosed fact)
    {
        while (true)
        {
            try
            {
                await Store(id, fact, CancellationToken.None);
                return;
            }
            catch (Exception away) when (Transient.Is(away))
            {
                if (_stopping.IsCancellationRequested)
                {
                    EndGivenUp(id.ToString(), options.Value.Node, away.Message);
                    return;
                }
                EndNotStored(id.ToString(), away.Message, StoreAgainAfter);
                await Task.Delay(StoreAgainAfter, time, _stopping.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }

    private async Task Store(SessionId id, SessionEvent fact, CancellationToken ct) => await streams.Write(
        SessionRecord.Stream, id.ToString(),
        state => (state, fact) is (SessionRecord.Unknown, SessionEvent.SessionOpened) or (SessionRecord.Open, SessionEvent.SessionClosed) ? ([fact], []) : ([], []),
        static _ => { }, ct);
}
