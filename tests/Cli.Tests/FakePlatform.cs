using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using AgentPlatform.Contracts;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace AgentPlatform.Cli.Tests;

/// <summary>The two services that <c>agentctl run</c> speaks to, as small as they can be; the connection of the event stream breaks where a test wants it.</summary>
internal sealed class FakePlatform : IAsyncDisposable
{
    public const string Token = "token-that-nobody-may-see";
    private static readonly DateTimeOffset Noon = new(2026, 1, 15, 12, 0, 0, TimeSpan.Zero);
    private static readonly string[] Moves = ["task-assigned", "task-started", "task-verifying", "task-succeeded"];
    private readonly WebApplication _app;

    private FakePlatform()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        _app = builder.Build();
        _app.MapPut("/v1/workspaces/{workspace}/files/{**path}", Put);
        _app.MapGet("/v1/workspaces/{workspace}/files/{**path}", (string path) => Files.TryGetValue(path, out var text) ? Results.Text(text) : Results.NotFound());
        _app.MapPost("/v1/runs", Begin);
        _app.MapGet("/v1/runs/{id}", () => Json(View()));
        _app.MapGet("/v1/runs/{id}/events", Events);
    }

    public RunStatus Status { get; private init; } = RunStatus.Succeeded;

    public Artifact[] Artifacts { get; private init; } = [];

    /// <summary>The connection is cut in the middle of the event after this one; never when 0.</summary>
    public int BreaksAfter { get; private init; }

    public string? Problem { get; private init; }

    public Dictionary<string, string> Files { get; private init; } = new(StringComparer.Ordinal);

    public ConcurrentQueue<string> Received { get; } = new();

    public ConcurrentQueue<string> LastEventIds { get; } = new();

    public ConcurrentQueue<string> Authorizations { get; } = new();

    public Dictionary<string, string> Environment => ServiceNames.All
        .Select(service => ($"AGENTPLATFORM_{service.ToUpperInvariant()}_URL", _app.Urls.First()))
        .Append(("AGENTPLATFORM_TOKEN", Token)).ToDictionary(p => p.Item1, p => p.Item2, StringComparer.Ordinal);

    public static async Task<FakePlatform> Start(
        RunStatus status = RunStatus.Succeeded, int breaksAfter = 0, string? problem = null, Artifact[]? artifacts = null, Dictionary<string, string>? files = null)
    {
        var platform = new FakePlatform { Status = status, BreaksAfter = breaksAfter, Problem = problem, Artifacts = artifacts ?? [], Files = files ?? [] };
        await platform._app.StartAsync(TestContext.Current.CancellationToken);
        return platform;
    }

    public static Artifact Artifact(string path, string text) =>
        new(path, Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text))), Encoding.UTF8.GetByteCount(text), "text/plain");

    public ValueTask DisposeAsync() => _app.DisposeAsync();

    private async Task<IResult> Put(string path, HttpRequest request)
    {
        using var reader = new StreamReader(request.Body);
        Received.Enqueue($"{path}: {await reader.ReadToEndAsync()}");
        return Json(Artifact(path, "x"));
    }

    private IResult Begin(HttpRequest request)
    {
        Authorizations.Enqueue(request.Headers.Authorization.ToString());
        return Problem is null
            ? Json(View())
            : Results.Text(Problem, "application/problem+json", statusCode: StatusCodes.Status422UnprocessableEntity);
    }

    private async Task Events(HttpContext http)
    {
        var last = http.Request.Headers["Last-Event-ID"].ToString();
        LastEventIds.Enqueue(last);
        http.Response.ContentType = "text/event-stream";
        for (var id = int.Parse(last) + 1; id <= Moves.Length; id++)
        {
            var e = new RunEventView(id, $"run-{RunIdText}", id, $"{Moves[id - 1]}.1", Noon, JsonSerializer.SerializeToElement(new { task = "write", worker = "developer-1" }));
            var text = $"id: {id}\nevent: {e.Type}\ndata: {JsonSerializer.Serialize(e, ContractJson.Options)}\n\n";
            if (BreaksAfter > 0 && id == BreaksAfter + 1 && LastEventIds.Count == 1)
            {
                await http.Response.WriteAsync(text[..(text.Length / 2)]);
                await http.Response.Body.FlushAsync();
                http.Abort();
                return;
            }

            await http.Response.WriteAsync(text);
            await http.Response.Body.FlushAsync();
        }
    }

    private const string RunIdText = "0199e0a4-0000-7000-8000-000000000001";

    private RunView View() => new(
        RunId.Parse(RunIdText, null), "some-plan", null, Status, Status == RunStatus.Failed ? "1 of 1 tasks did not succeed" : null, new WorkspaceId(Guid.Parse(RunIdText)), Noon, Noon.AddSeconds(1),
        [new TaskView("write", "Write", "developer", TaskState.Succeeded, 1, "developer-1", [], null, null, Noon, Noon, [])], Artifacts, ["write"], "hash", 4, null);

    private static IResult Json<T>(T value) => Results.Text(JsonSerializer.Serialize(value, ContractJson.Options), "application/json");
}
