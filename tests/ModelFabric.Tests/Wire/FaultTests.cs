using System.Text.Json.Nodes;
using AgentPlatform.ModelFabric.Tests.Fixtures;
using Microsoft.AspNetCore.Http;

namespace AgentPlatform.ModelFabric.Tests.Wire;

/// <summary>Providers of every kind that misbehave, seen by callers of every format: what was said arrives, then an error in the caller's form, then nothing.</summary>
public sealed class FaultTests
{
    private const string Key = "sk-canary-0123456789abcdef0123456789";

    private static readonly Dictionary<string, (string[] Begin, string Broken, string Error, string WrongUsage)> Kinds = new()
    {
        ["openai"] = (
            ["""{"id":"x","model":"real-model","choices":[{"index":0,"delta":{"role":"assistant","content":"first"}}]}"""],
            """{"choices":[{""", """{"error":{"message":"overloaded"}}""",
            """{"id":"x","model":"real-model","choices":[{"index":0,"message":{"content":"a"},"finish_reason":"stop"}],"usage":{"prompt_tokens":"many","completion_tokens":-1.5}}"""),
        ["anthropic"] = (
            ["""{"type":"message_start","message":{"id":"x","model":"real-model","usage":{"input_tokens":1,"output_tokens":1}}}""",
             """{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}""", """{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"first"}}"""],
            """{"type":"content_block_delta","index":0,"del""", """{"type":"error","error":{"type":"overloaded_error","message":"overloaded"}}""",
            """{"type":"message","id":"x","model":"real-model","content":[{"type":"text","text":"a"}],"stop_reason":"end_turn","usage":"none"}"""),
        ["gemini"] = (
            ["""{"responseId":"x","modelVersion":"real-model","candidates":[{"content":{"parts":[{"text":"first"}]}}]}"""],
            """{"candidates":[""", """{"error":{"code":503,"message":"overloaded"}}""",
            """{"candidates":[{"content":{"parts":[{"text":"a"}]},"finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":"many"}}"""),
    };

    public static TheoryData<string, string, string> Faults()
    {
        var faults = new TheoryData<string, string, string>();
        foreach (var kind in Kinds.Keys)
        {
            foreach (var caller in (string[])["chat", "messages", "responses"])
            {
                foreach (var fault in (string[])["stalls", "breaks", "cuts", "reports", "leaves"])
                {
                    faults.Add(kind, caller, fault);
                }
            }
        }
        return faults;
    }

    [Theory]
    [MemberData(nameof(Faults))]
    public async Task A_stream_that_goes_wrong_ends_as_an_error_and_is_recorded_as_one(string kind, string caller, string fault)
    {
        await using var upstream = await FakeUpstream.Start();
        await using var fabric = await FabricHost.Start(("ModelFabric:Upstream:IdleTimeout", "00:00:00.500"));
        await fabric.Use(upstream, Key, kind);
        upstream.Behave(http => Misbehave(http, kind, fault));
        using var response = await Ask(fabric, caller, stream: true);
        var told = await response.Content.ReadAsStringAsync();

        Assert.Contains("first", told, StringComparison.Ordinal);
        var last = JsonNode.Parse(told.Split('\n').Last(line => line.StartsWith("data:", StringComparison.Ordinal))[5..])!;
        Assert.True(caller == "chat" ? last["error"] is not null : (string?)last["type"] == "error", told);
        Assert.DoesNotContain("[DONE]", told, StringComparison.Ordinal);
        Assert.DoesNotContain("message_stop", told, StringComparison.Ordinal);
        Assert.DoesNotContain("response.completed", told, StringComparison.Ordinal);
        Assert.NotNull((await fabric.Calls.Next()).ErrorClass);
        Assert.DoesNotContain("canary", told + fabric.Logs.Text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("openai", "chat")]
    [InlineData("openai", "messages")]
    [InlineData("anthropic", "chat")]
    [InlineData("anthropic", "messages")]
    [InlineData("gemini", "responses")]
    public async Task A_usage_that_is_none_is_estimated_and_called_so(string kind, string caller)
    {
        await using var upstream = await FakeUpstream.Start();
        await using var fabric = await FabricHost.Start();
        await fabric.Use(upstream, Key, kind);
        upstream.Behave(http => FakeUpstream.Json(http, Kinds[kind].WrongUsage));
        using var response = await Ask(fabric, caller, stream: false);

        Assert.True(response.IsSuccessStatusCode, await response.Content.ReadAsStringAsync());
        Assert.Equal((true, true), ((await fabric.Calls.Next()).Usage is { } usage ? (usage.Estimated, usage.Input > 0) : default));
    }

    [Theory]
    [InlineData("anthropic", "chat", 429, 429)]
    [InlineData("gemini", "messages", 429, 429)]
    [InlineData("anthropic", "messages", 529, 502)]
    [InlineData("gemini", "chat", 503, 503)]
    public async Task A_refusal_that_asks_to_wait_is_tried_again_or_handed_on_with_its_wait(string kind, string caller, int status, int told)
    {
        await using var upstream = await FakeUpstream.Start();
        await using var fabric = await FabricHost.Start();
        await fabric.Use(upstream, Key, kind);
        upstream.Behave((http, attempt) =>
        {
            http.Response.Headers.RetryAfter = attempt == 1 ? "0" : "3600";
            return FakeUpstream.Json(http, """{"error":{"message":"later"}}""", status);
        });
        using var response = await Ask(fabric, caller, stream: false);

        Assert.Equal((told, 2), ((int)response.StatusCode, upstream.Requests.Count));
        Assert.Equal(told == 502 ? null : TimeSpan.FromHours(1), response.Headers.RetryAfter?.Delta);
    }

    [Theory]
    [InlineData("anthropic", "chat")]
    [InlineData("openai", "messages")]
    public async Task A_client_that_leaves_a_translated_stream_takes_the_call_with_it(string kind, string caller)
    {
        await using var upstream = await FakeUpstream.Start();
        await using var fabric = await FabricHost.Start();
        await fabric.Use(upstream, Key, kind);
        var dropped = new TaskCompletionSource();
        upstream.Behave(async http =>
        {
            await Begin(http, kind);
            await FakeUpstream.Silence(http, dropped);
        });
        var response = await Ask(fabric, caller, stream: true);
        using (var reader = new StreamReader(await response.Content.ReadAsStreamAsync()))
        {
            Assert.NotNull(await reader.ReadLineAsync());
        }
        response.Dispose();

        await dropped.Task.WaitAsync(TimeSpan.FromSeconds(30));
        Assert.Equal(("client_closed", 499), ((await fabric.Calls.Next()) is var record ? (record.ErrorClass!, record.Status) : default));
    }

    private static Task<HttpResponseMessage> Ask(FabricHost fabric, string caller, bool stream) => fabric.Post(
        caller switch { "chat" => "/v1/chat/completions", "messages" => "/anthropic/v1/messages", _ => "/v1/responses" },
        caller == "responses"
            ? $$"""{"model":"up/real","stream":{{(stream ? "true" : "false")}},"input":"hi"}"""
            : $$"""{"model":"up/real","max_tokens":50,"stream":{{(stream ? "true" : "false")}},"messages":[{"role":"user","content":"hi"}]}""");

    private static async Task Begin(HttpContext http, string kind)
    {
        await FakeUpstream.BeginStream(http);
        foreach (var data in Kinds[kind].Begin)
        {
            await FakeUpstream.Piece(http, Event(kind, data));
        }
    }

    private static async Task Misbehave(HttpContext http, string kind, string fault)
    {
        await Begin(http, kind);
        switch (fault)
        {
            case "stalls":
                await FakeUpstream.Silence(http);
                break;
            case "breaks":
                await FakeUpstream.Piece(http, $"data: {Kinds[kind].Broken}\n\n");
                await FakeUpstream.Silence(http);
                break;
            case "cuts":
                // Half an event, then the end.
                await FakeUpstream.Piece(http, $"data: {Kinds[kind].Broken}");
                break;
            case "reports":
                await FakeUpstream.Piece(http, Event(kind, Kinds[kind].Error));
                break;
            case "leaves":
                break;
        }
    }

    private static string Event(string kind, string data) => (kind == "anthropic" ? $"event: {JsonNode.Parse(data)!["type"]}\n" : "") + $"data: {data}\n\n";
}
