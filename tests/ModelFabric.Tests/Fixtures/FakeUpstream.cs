using System.Collections.Concurrent;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace AgentPlatform.ModelFabric.Tests.Fixtures;

public sealed record UpstreamRequest(string Path, byte[] Body, IReadOnlyDictionary<string, string> Headers)
{
    public string Text => Encoding.UTF8.GetString(Body);
}

/// <summary>A real server on loopback that behaves as the test says, well or badly.</summary>
public sealed class FakeUpstream : IAsyncDisposable
{
    public const string Answer =
        """{"id":"chatcmpl-1","object":"chat.completion","model":"real-model","choices":[{"index":0,"message":{"role":"assistant","content":"hello"},"finish_reason":"stop"}],"usage":{"prompt_tokens":7,"completion_tokens":3,"total_tokens":10}}""";

    private readonly WebApplication _app;
    private Func<HttpContext, int, Task> _behaviour = (http, _) => Json(http, Answer);

    private FakeUpstream(WebApplication app) => _app = app;

    public ConcurrentQueue<UpstreamRequest> Requests { get; } = new();
    public string BaseUrl => _app.Urls.First() + "/v1";

    public static async Task<FakeUpstream> Start()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        var upstream = new FakeUpstream(builder.Build());
        upstream._app.Run(upstream.Handle);
        await upstream._app.StartAsync();
        return upstream;
    }

    /// <param name="behaviour">Gets the request and its number, from 1.</param>
    public void Behave(Func<HttpContext, int, Task> behaviour) => _behaviour = behaviour;

    public void Behave(Func<HttpContext, Task> behaviour) => _behaviour = (http, _) => behaviour(http);

    public static async Task Json(HttpContext http, string json, int status = 200)
    {
        http.Response.StatusCode = status;
        http.Response.ContentType = "application/json";
        await http.Response.WriteAsync(json);
    }

    public static Task BeginStream(HttpContext http)
    {
        http.Response.ContentType = "text/event-stream";
        return http.Response.StartAsync();
    }

    public static async Task Piece(HttpContext http, string text)
    {
        await http.Response.WriteAsync(text);
        await http.Response.Body.FlushAsync();
    }

    public static string Chunk(string content, string? finish = null) =>
        $$"""{"id":"c","object":"chat.completion.chunk","model":"real-model","choices":[{"index":0,"delta":{"content":"{{content}}"},"finish_reason":{{(finish is null ? "null" : $"\"{finish}\"")}}}]}""";

    /// <summary>Ends when the gateway drops the connection.</summary>
    public static async Task Silence(HttpContext http, TaskCompletionSource? dropped = null)
    {
        var gone = new TaskCompletionSource();
        await using var registration = http.RequestAborted.Register(() => gone.TrySetResult());
        await gone.Task;
        dropped?.TrySetResult();
    }

    public ValueTask DisposeAsync() => _app.DisposeAsync();

    private async Task Handle(HttpContext http)
    {
        using var body = new MemoryStream();
        await http.Request.Body.CopyToAsync(body);
        Requests.Enqueue(new UpstreamRequest(http.Request.Path, body.ToArray(), http.Request.Headers.ToDictionary(h => h.Key, h => h.Value.ToString(), StringComparer.OrdinalIgnoreCase)));
        await _behaviour(http, Requests.Count);
    }
}
