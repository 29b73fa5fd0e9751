using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Text;
using AgentPlatform.Contracts;
using AgentPlatform.ModelFabric;
using AgentPlatform.ServiceDefaults;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Logging;

namespace AgentPlatform.Benchmarks.Models;

/// <summary>
/// What ModelFabric adds to a call: the same request to a server on loopback, directly and through the gateway, whole and until the first piece of a stream; then
/// with a budget and through a route. Caller, gateway and server share one process and its cores, so the figures are rather too bad.
/// </summary>
internal static class GatewayLatency
{
    private const string Token = "token-of-the-benchmark";
    private const string Answer =
        """{"id":"c","object":"chat.completion","model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"hello"},"finish_reason":"stop"}],"usage":{"prompt_tokens":7,"completion_tokens":3,"total_tokens":10}}""";

    private const string Piece = """data: {"id":"c","object":"chat.completion.chunk","model":"m","choices":[{"index":0,"delta":{"content":"hello"},"finish_reason":null}]}""" + "\n\n";

    public static async Task Run(BenchmarkRun run)
    {
        var folder = Directory.CreateTempSubdirectory("benchmark-gateway-");
        await using var upstream = await Upstream();
        await using var gateway = await Gateway(run, folder.FullName, upstream.Urls.First());
        using var http = new HttpClient(new SocketsHttpHandler { UseProxy = false, MaxConnectionsPerServer = 64 });
        http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", Token);
        var (direct, through) = ($"{upstream.Urls.First()}/v1/chat/completions", $"{gateway.Urls.First()}/v1/chat/completions");
        foreach (var connections in (int[])[1, 16])
        {
            foreach (var stream in (bool[])[false, true])
            {
                var (baseline, ours) = (new Sample(), new Sample());
                await ours.Add(connections, run.Duration / 4, 1, (_, _) => Call(http, through, "up/m", stream));
                ours = new Sample();
                for (var round = 0; round < run.Rounds; round++)
                {
                    await baseline.Add(connections, run.Duration / 4, 1, (_, _) => Call(http, direct, "m", stream));
                    await ours.Add(connections, run.Duration / 4, 1, (_, _) => Call(http, through, "up/m", stream));
                }
                var what = $"{(stream ? "first piece of a stream" : "whole answer")}, {connections} connections";
                run.Latencies($"direct: {what}", baseline);
                run.Latencies($"through the gateway: {what}", ours);
            }
        }
        await Put(http, gateway, "/admin/budgets/all", """{"scope":"all","window":"total","tokensMax":9000000000000}""");
        await Put(http, gateway, "/admin/routes/auto", """{"candidates":[{"model":"up/m"},{"model":"up/other"}]}""");
        var guarded = new Sample();
        await guarded.Add(1, run.Duration, 1, (_, _) => Call(http, through, "auto", stream: false));
        run.Latencies("through a route and a budget: whole answer, 1 connections", guarded);
        folder.Delete(recursive: true);
    }

    /// <summary>Ends with the first piece of a stream, or with the whole of an answer.</summary>
    private static async Task Call(HttpClient http, string url, string model, bool stream)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, url)
        {
            Content = new StringContent($$"""{"model":"{{model}}","messages":[{"role":"user","content":"hi"}],"max_tokens":16,"stream":{{(stream ? "true" : "false")}}}""", Encoding.UTF8, "application/json"),
        };
        using var response = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        response.EnsureSuccessStatusCode();
        await using var body = await response.Content.ReadAsStreamAsync();
        var buffer = new byte[4096];
        var first = await body.ReadAsync(buffer);
        if (first == 0)
        {
            throw new InvalidOperationException("An answer without a byte");
        }
        // What is left of a stream is drained after the measured moment by whoever keeps the connection.
        while (!stream && await body.ReadAsync(buffer) > 0)
        {
        }
    }

    private static async Task<WebApplication> Upstream()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        var app = builder.Build();
        app.Run(async http =>
        {
            using var body = new MemoryStream();
            await http.Request.Body.CopyToAsync(body);
            var stream = body.GetBuffer().AsSpan(0, (int)body.Length).IndexOf("\"stream\":true"u8) >= 0;
            http.Response.ContentType = stream ? "text/event-stream" : "application/json";
            await http.Response.WriteAsync(stream ? Piece + "data: [DONE]\n\n" : Answer);
        });
        await app.StartAsync();
        return app;
    }

    private static async Task<WebApplication> Gateway(BenchmarkRun run, string folder, string upstream)
    {
        var principals = Path.Combine(folder, "principals.json");
        await File.WriteAllTextAsync(principals, $$"""[{"name":"owner","role":"owner","tokenSha256":"{{Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(Token)))}}"}]""");
        var builder = ServiceHost.CreateBuilder(["--urls=http://127.0.0.1:0"], ServiceNames.ModelFabric);
        builder.Logging.ClearProviders();
        builder.Configuration.AddInMemoryCollection(new Dictionary<string, string?>
        {
            ["AGENTPLATFORM_PRINCIPALS"] = principals,
            ["ModelFabric:DataFolder"] = folder,
            ["ModelFabric:Providers:up:BaseUrl"] = upstream + "/v1",
            ["ConnectionStrings:modelfabricdb"] = await run.NewDatabase(),
            ["ConnectionStrings:nats"] = run.Nats.Url,
        });
        builder.AddModelFabricStore();
        builder.Services.AddModelFabric(builder.Configuration);
        var app = builder.BuildService();
        app.MapModelFabric();
        await app.StartAsync();
        return app;
    }

    private static async Task Put(HttpClient http, WebApplication gateway, string path, string body)
    {
        using var response = await http.PutAsync(gateway.Urls.First() + path, new StringContent(body, Encoding.UTF8, "application/json"));
        response.EnsureSuccessStatusCode();
    }
}
