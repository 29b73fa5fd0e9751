using System.Diagnostics;
using System.Net;
using System.Net.Http.Json;
using System.Net.WebSockets;
using System.Text.Json.Nodes;
using AgentPlatform.Contracts;
using AgentPlatform.EventStore;
using AgentPlatform.Messaging;
using AgentPlatform.Sessions.Live;
using AgentPlatform.Sessions.Tests.Fixtures;
using AgentPlatform.Testing;
using Microsoft.Extensions.DependencyInjection;
using RestEase;

namespace AgentPlatform.Sessions.Tests.Live;

public sealed class SessionTests(Servers servers) : HostFixture(servers)
{
    [Fact]
    public async Task A_terminal_is_opened_watched_typed_into_resumed_and_closed()
    {
        var host = await Start();
        var opened = await host.Api("operator").Open(new OpenSessionRequest(SessionKind.Terminal, Columns: 90, Rows: 25));
        Assert.Equal((SessionState.Open, "operator"), (opened.State, opened.OpenedBy));

        using var socket = await host.Connect(opened.Id, "operator");
        await socket.Type("stty size; echo $((20 + 3))-typed\n");
        var seen = await socket.UntilText("23-typed");
        Assert.Contains("25 90", Frames.Text(seen), StringComparison.Ordinal);
        await socket.Say(new { type = "resize", columns = 101, rows = 31 });
        var between = await socket.Until(frames => frames.Any(frame => (string)frame["type"]! == "resized"), "resized");
        await socket.Type("stty size\n");
        var later = await socket.UntilText("31 101");

        // Whoever comes back names the last number seen, and gets what followed: nothing twice, nothing left out.
        var last = seen.Where(frame => (string)frame["type"]! == "output").Max(frame => (long)frame["seq"]!);
        using var resumed = await host.Connect(opened.Id, "viewer", last);
        var rest = await resumed.UntilText("31 101");
        Assert.Equal(last + 1, (long)rest.First(frame => (string)frame["type"]! == "output")["seq"]!);
        Assert.Equal(Frames.Text(between) + Frames.Text(later), Frames.Text(rest));
        Assert.True((await host.Api("viewer").Get(opened.Id)).LastSequence > last);

        var closed = await host.Api("operator").Close(opened.Id);
        await resumed.Until(frames => frames.Any(frame => (string)frame["type"]! == "ended"), "ended");
        Assert.Equal((SessionState.Closed, "closed by operator"), (closed.State, closed.Reason));
        Assert.Equal(closed, await host.Api("operator").Close(opened.Id));
        Assert.Equal(closed, Assert.Single((await host.Api("viewer").List()).Items));

        using var http = host.As("viewer");
        var cast = await http.GetStringAsync($"/v1/sessions/{opened.Id}/recording");
        Assert.Equal(2, (int)JsonNode.Parse(cast.Split('\n')[0])!["version"]!);
        Assert.Contains("23-typed", cast, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Who_may_only_watch_cannot_type()
    {
        var host = await Start();
        var session = await host.Api("owner").Open(new OpenSessionRequest(SessionKind.Terminal));
        using var socket = await host.Connect(session.Id, "viewer");
        await socket.Type("touch should-not-exist\n");
        var error = (await socket.Until(frames => frames.Any(frame => (string)frame["type"]! == "error"), "refused")).Last();

        Assert.Contains("operator", (string)error["message"]!, StringComparison.Ordinal);
        Assert.Empty(Directory.EnumerateFiles(Data, "should-not-exist", SearchOption.AllDirectories));
        Assert.Equal(HttpStatusCode.Forbidden, (await Assert.ThrowsAsync<ApiException>(() => host.Api("agent").Open(new OpenSessionRequest(SessionKind.Terminal)))).StatusCode);
        Assert.Equal(HttpStatusCode.Forbidden, (await Assert.ThrowsAsync<ApiException>(() => host.Api("viewer").Close(session.Id))).StatusCode);
    }

    [Fact]
    public async Task A_frame_that_cannot_be_read_is_refused_and_the_session_goes_on()
    {
        var host = await Start();
        var session = await host.Api("owner").Open(new OpenSessionRequest(SessionKind.Terminal));
        using var socket = await host.Connect(session.Id, "owner");
        foreach (var frame in (object[])[new { type = "input", data = "%%%" }, new { type = "resize", columns = -1, rows = 5 }, new { type = "dance" }, new { }])
        {
            await socket.Say(frame);
            await socket.Until(frames => frames.Any(seen => (string)seen["type"]! == "error"), $"{frame} refused");
        }
        await socket.Type("echo still-$((1+1))\n");
        await socket.UntilText("still-2");
    }

    [Fact]
    public async Task Live_frames_go_out_on_nats_as_they_happen()
    {
        var host = await Start();
        var heard = await Listen("live.terminal.*");
        var session = await host.Api("owner").Open(new OpenSessionRequest(SessionKind.Terminal));
        using var socket = await host.Connect(session.Id, "owner");
        await socket.Type("echo $((40+4))-live; exit 5\n");

        await Eventually.True(() => Task.FromResult(heard.Any(frame => (string)frame["type"]! == "ended")), "the end is heard");
        Assert.Contains("44-live", Frames.Text(heard), StringComparison.Ordinal);
        var numbers = heard.Where(frame => (string)frame["type"]! == "output").Select(frame => (long)frame["seq"]!).ToArray();
        Assert.Equal(Enumerable.Range(1, numbers.Length).Select(n => (long)n), numbers);
        var ended = await Eventually.Get(() => host.Api("viewer").Get(session.Id), view => view.State == SessionState.Closed, "closed");
        Assert.Equal((5, "the program ended"), (ended.ExitCode, ended.Reason));
    }

    [Fact]
    public async Task A_session_works_in_the_workspace_it_was_opened_for()
    {
        var host = await Start();
        var workspace = WorkspaceId.New();
        var folder = Directory.CreateDirectory(Path.Combine(Data, "workspaces", workspace.ToString())).FullName;
        var session = await host.Api("owner").Open(new OpenSessionRequest(SessionKind.Terminal, workspace));
        using var socket = await host.Connect(session.Id, "owner");
        await socket.Type("echo here > made && echo wrote-$((1+1))\n");
        await socket.UntilText("wrote-2");

        Assert.Equal("here\n", await File.ReadAllTextAsync(Path.Combine(folder, "made")));
        Assert.Equal(HttpStatusCode.NotFound, (await Assert.ThrowsAsync<ApiException>(() => host.Api("owner").Open(new OpenSessionRequest(SessionKind.Terminal, WorkspaceId.New())))).StatusCode);
    }

    [Fact]
    public async Task There_are_only_so_many_sessions_and_a_closed_one_makes_room()
    {
        var host = await Start(("Sessions:SessionsMax", "1"));
        var first = await host.Api("owner").Open(new OpenSessionRequest(SessionKind.Terminal));
        var refused = await Assert.ThrowsAsync<ApiException>(() => host.Api("owner").Open(new OpenSessionRequest(SessionKind.Terminal)));
        await host.Api("owner").Close(first.Id);

        Assert.Equal(HttpStatusCode.TooManyRequests, refused.StatusCode);
        Assert.Equal(SessionState.Open, (await host.Api("owner").Open(new OpenSessionRequest(SessionKind.Terminal))).State);
    }

    [Fact]
    public async Task A_stop_of_the_service_closes_its_sessions_and_says_so()
    {
        var before = await Start();
        var session = await before.Api("owner").Open(new OpenSessionRequest(SessionKind.Terminal));
        using var socket = await before.Connect(session.Id, "owner");
        await Stop(before);
        var after = await Start();

        var view = await after.Api("viewer").Get(session.Id);
        Assert.Equal((SessionState.Closed, "the service stopped"), (view.State, view.Reason));
    }

    [Fact]
    public async Task What_a_crash_left_open_is_closed_at_the_next_start_with_everything_in_it()
    {
        // A crash leaves the record of the opening, and a program that does not listen to the hang-up.
        var crashed = await Start();
        var id = SessionId.New();
        var store = crashed.Services.GetRequiredService<IEventStore>();
        await crashed.Services.GetRequiredService<DecisionWriter>().Write(
            SessionRecord.Stream, id.ToString(),
            _ => ([new SessionEvent.SessionOpened(id, SessionKind.Terminal, null, 80, 24, Environment.MachineName, "owner", DateTimeOffset.UtcNow)], []), _ => { }, default);
        using var stubborn = Process.Start(new ProcessStartInfo("/bin/sh", ["-c", "trap '' HUP; exec sleep 1000"]) { Environment = { ["AGENTPLATFORM_SESSION"] = id.ToString() } })!;
        await Stop(crashed);
        var after = await Start();

        var view = await after.Api("viewer").Get(id);
        Assert.Equal((SessionState.Closed, null as int?), (view.State, view.ExitCode));
        Assert.Contains("without closing", view.Reason, StringComparison.Ordinal);
        await stubborn.WaitForExitAsync().WaitAsync(TimeSpan.FromSeconds(10));
    }

    [Fact]
    public async Task Wrong_requests_are_refused_with_the_remedy()
    {
        var host = await Start();
        using var http = host.As("owner");
        var session = await host.Api("owner").Open(new OpenSessionRequest(SessionKind.Terminal));

        Assert.Equal(HttpStatusCode.UpgradeRequired, (await http.GetAsync($"/v1/sessions/{session.Id}/stream")).StatusCode);
        Assert.Equal(HttpStatusCode.NotFound, (await http.GetAsync($"/v1/sessions/{SessionId.New()}/recording")).StatusCode);
        Assert.Equal(HttpStatusCode.BadRequest, (await http.PostAsJsonAsync("/v1/sessions", new { kind = "terminal", columns = 5 })).StatusCode);
        Assert.Equal(HttpStatusCode.BadRequest, (await http.PostAsJsonAsync("/v1/sessions", new { kind = "spaceship" })).StatusCode);
        await Assert.ThrowsAsync<WebSocketException>(() => host.Connect(SessionId.New(), "owner"));
    }
}
