using System.Globalization;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace AgentPlatform.Benchmarks.Models;

/// <summary>
/// What a gateway adds to a call: the same request to a server on loopback, directly, through ModelFabric and through npm <c>@portkey-ai/gateway</c>, whole and
/// until the first piece of a stream; then ours with a route and a budget, and what the gateways hold in memory and take of the processor. Each gateway is a
/// process of its own; callers and server are this one, and all share the cores, so the figures are for comparison.
/// </summary>
internal static class GatewayLatency
{
    private const string Answer =
        """{"id":"c","object":"chat.completion","model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"hello"},"finish_reason":"stop"}],"usage":{"prompt_tokens":7,"completion_tokens":3,"total_tokens":10}}""";

    private const string Piece = """data: {"id":"c","object":"chat.completion.chunk","model":"m","choices":[{"index":0,"delta":{"content":"hello"},"finish_reason":null}]}""" + "\n\n";

    public static async Task Run(BenchmarkRun run)
    {
        var folder = Directory.CreateTempSubdirectory("benchmark-gateway-");
        await using var upstream = await Upstream();
        var provider = upstream.Urls.First();
        using var straight = GatewayProcess.Client();
        straight.BaseAddress = new Uri(provider);
        await using var ours = await GatewayProcess.ModelFabric(run, folder.FullName, provider);
        await using var theirs = await GatewayProcess.Portkey(provider);
        GatewayProcess[] gateways = theirs is null ? [ours] : [ours, theirs];
        var idle = gateways.Select(gateway => gateway.Megabytes.Now).ToArray();
        foreach (var gateway in gateways)
        {
            // Both compile what is hot only after a while; that belongs to the start of a service and not to its calls.
            await new Sample().Add(16, run.Duration, 1, (_, _) => Call(gateway.Http, gateway.Model, stream: false));
        }

        foreach (var (connections, stream) in ((int, bool)[])[(1, false), (16, false), (64, false), (256, false), (1, true), (16, true)])
        {
            var direct = new Sample();
            var through = gateways.Select(_ => (Sample: new Sample(), Processor: 0.0)).ToArray();
            foreach (var gateway in gateways)
            {
                await new Sample().Add(connections, run.Duration / 4, 1, (_, _) => Call(gateway.Http, gateway.Model, stream));
            }
            for (var round = 0; round < run.Rounds; round++)
            {
                await direct.Add(connections, run.Duration / 4, 1, (_, _) => Call(straight, "m", stream));
                for (var n = 0; n < gateways.Length; n++)
                {
                    var (gateway, before) = (gateways[n], gateways[n].Processor);
                    await through[n].Sample.Add(connections, run.Duration / 4, 1, (_, _) => Call(gateway.Http, gateway.Model, stream));
                    through[n].Processor += (gateway.Processor - before).TotalMicroseconds;
                }
            }
            var what = $"{(stream ? "first piece of a stream" : "whole answer")}, {connections} connections";
            run.Latencies($"direct: {what}", direct);
            for (var n = 0; n < gateways.Length; n++)
            {
                run.Latencies($"{gateways[n].Name}: {what}, {Text(through[n].Processor / Math.Max(1, through[n].Sample.Count))} µs of CPU each", through[n].Sample);
            }
        }
        await Put(ours, "/admin/budgets/all", """{"scope":"all","window":"total","tokensMax":9000000000000}""");
        await Put(ours, "/admin/routes/auto", """{"candidates":[{"model":"up/m"},{"model":"up/other"}]}""");
        var guarded = new Sample();
        await guarded.Add(1, run.Duration, 1, (_, _) => Call(ours.Http, "auto", stream: false));
        run.Latencies("ModelFabric: through a route and a budget, whole answer, 1 connections", guarded);
        for (var n = 0; n < gateways.Length; n++)
        {
            run.Row("memory of the process | idle MB | after the load MB | at most MB", gateways[n].Name, Text(idle[n]), Text(gateways[n].Megabytes.Now), Text(gateways[n].Megabytes.Peak));
        }
        folder.Delete(recursive: true);
    }

    private static string Text(double value) => value.ToString("0", CultureInfo.InvariantCulture);

    /// <summary>Ends with the first piece of a stream, or with the whole of an answer.</summary>
    private static async Task Call(HttpClient http, string model, bool stream)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/chat/completions")
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

    private static async Task Put(GatewayProcess gateway, string path, string body)
    {
        using var response = await gateway.Http.PutAsync(path, new StringContent(body, Encoding.UTF8, "application/json"));
        response.EnsureSuccessStatusCode();
    }
}
