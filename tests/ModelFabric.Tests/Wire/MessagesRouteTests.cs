using System.Net;
using System.Text.Json.Nodes;
using AgentPlatform.ModelFabric.Tests.Fixtures;

namespace AgentPlatform.ModelFabric.Tests.Wire;

/// <summary><c>POST /anthropic/v1/messages</c> over the network: what passes untouched, what is translated, how it fails.</summary>
public sealed class MessagesRouteTests : IAsyncLifetime
{
    private const string Key = "sk-canary-0123456789abcdef0123456789";
    private const string Ask = """{"model":"up/real","max_tokens":50,"messages":[{"role":"user","content":"hi"}]}""";
    private const string Message = """{"id":"msg_1","type":"message","role":"assistant","model":"real-model","content":[{"type":"text","text":"hello"}],"stop_reason":"end_turn","stop_sequence":null,"usage":{"input_tokens":7,"output_tokens":3}}""";

    private static readonly string[] Events =
    [
        """{"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant","model":"real-model","content":[],"usage":{"input_tokens":7,"output_tokens":1}}}""",
        """{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}""",
        """{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"hello"}}""",
        """{"type":"content_block_stop","index":0}""",
        """{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":3}}""",
        """{"type":"message_stop"}""",
    ];

    private FakeUpstream _upstream = null!;
    private FabricHost _fabric = null!;

    public async ValueTask InitializeAsync()
    {
        _upstream = await FakeUpstream.Start();
        _fabric = await FabricHost.Start(("ModelFabric:Upstream:IdleTimeout", "00:00:01"));
    }

    public async ValueTask DisposeAsync()
    {
        await _fabric.DisposeAsync();
        await _upstream.DisposeAsync();
    }

    [Fact]
    public async Task A_provider_of_the_same_format_gets_the_callers_bytes_and_headers()
    {
        await _fabric.Use(_upstream, Key, "anthropic");
        _upstream.Behave(http => FakeUpstream.Json(http, Message));
        const string body = "{ \"max_tokens\":50, \"model\" :\"up/real\",\"unheard_of\":1.50e+3,\"messages\":[{\"role\":\"user\",\"content\":\"\\u0041 é\"}] }";
        using var response = await _fabric.Messages(body, ("anthropic-version", "2024-01-01"), ("anthropic-beta", "one,two"));

        Assert.Equal(Message, await response.Content.ReadAsStringAsync());
        var sent = Assert.Single(_upstream.Requests);
        Assert.Equal(body.Replace("\"up/real\"", "\"real\"", StringComparison.Ordinal), sent.Text);
        Assert.Equal(("/v1/messages", Key, "2024-01-01", "one,two"), (sent.Path, sent.Headers["x-api-key"], sent.Headers["anthropic-version"], sent.Headers["anthropic-beta"]));
        Assert.False(sent.Headers.ContainsKey("Authorization"));
        var record = await _fabric.Calls.Next();
        Assert.Equal(("real-model", "end_turn", new ModelFabric.Calls.TokenUsage(7, 3, Estimated: false)), (record.ResponseModel!, record.FinishReason!, record.Usage!));
        Assert.Equal(record.Id.ToString(), response.Headers.GetValues("request-id").Single());
    }

    [Fact]
    public async Task A_stream_of_the_same_format_passes_byte_for_byte()
    {
        await _fabric.Use(_upstream, Key, "anthropic");
        var stream = "event: ping\r\ndata: {\"type\": \"ping\"}\r\n\r\n" + Sse(Events);
        _upstream.Behave(http => Stream(http, stream));
        using var response = await _fabric.Messages(Ask.Replace("\"max_tokens\"", "\"stream\":true,\"max_tokens\"", StringComparison.Ordinal));

        Assert.Equal(stream, await response.Content.ReadAsStringAsync());
        var record = await _fabric.Calls.Next();
        Assert.Equal(("end_turn", new ModelFabric.Calls.TokenUsage(7, 3, Estimated: false), (string?)null), (record.FinishReason!, record.Usage!, record.ErrorClass));
    }

    [Theory]
    [InlineData(5, "upstream_truncated")]
    [InlineData(2, "upstream_truncated")]
    [InlineData(6, null)]
    public async Task A_stream_that_breaks_off_is_an_error_unless_only_its_end_mark_is_missing(int events, string? error)
    {
        await _fabric.Use(_upstream, Key, "anthropic");
        _upstream.Behave(http => Stream(http, Sse(Events[..Math.Min(events, 5)].Where((_, index) => events == 6 || index != 4))));
        using var response = await _fabric.Messages(Ask.Replace("\"max_tokens\"", "\"stream\":true,\"max_tokens\"", StringComparison.Ordinal));
        var last = JsonNode.Parse((await response.Events())[^1])!;

        Assert.Equal(error is null ? "message_stop" : "error", (string)last["type"]!);
        Assert.Equal(error, (await _fabric.Calls.Next()).ErrorClass);
        if (error is not null)
        {
            Assert.Equal(("api_error", error), ((string)last["error"]!["type"]!, (string)last["error"]!["code"]!));
        }
    }

    [Fact]
    public async Task A_client_of_anthropic_talks_to_a_chat_provider()
    {
        await _fabric.Use(_upstream, Key);
        using var response = await _fabric.Messages(Ask);
        var answer = await response.Json();

        Assert.Equal(("hello", "end_turn", 7, 3), ((string)answer["content"]![0]!["text"]!, (string)answer["stop_reason"]!, (int)answer["usage"]!["input_tokens"]!, (int)answer["usage"]!["output_tokens"]!));
        var sent = Assert.Single(_upstream.Requests);
        Assert.Equal(("/v1/chat/completions", """{"model":"real","messages":[{"role":"user","content":"hi"}],"max_tokens":50}""", $"Bearer {Key}"), (sent.Path, sent.Text, sent.Headers["Authorization"]));
        Assert.Equal(new ModelFabric.Calls.TokenUsage(7, 3, Estimated: false), (await _fabric.Calls.Next()).Usage);
    }

    [Fact]
    public async Task Each_piece_of_a_translated_stream_arrives_before_the_next_is_made()
    {
        await _fabric.Use(_upstream, Key);
        using var turn = new SemaphoreSlim(1);
        _upstream.Behave(async http =>
        {
            await FakeUpstream.BeginStream(http);
            for (var i = 0; i < 4; i++)
            {
                Assert.True(await turn.WaitAsync(TimeSpan.FromSeconds(20)));
                await FakeUpstream.Piece(http, $"data: {FakeUpstream.Chunk($"part {i}", i == 3 ? "stop" : null)}\n\n");
            }
            await FakeUpstream.Piece(http, "data: [DONE]\n\n");
        });
        await using var patient = await FabricHost.Start();
        await patient.Use(_upstream);
        using var response = await patient.Messages(Ask.Replace("\"max_tokens\"", "\"stream\":true,\"max_tokens\"", StringComparison.Ordinal));
        using var reader = new StreamReader(await response.Content.ReadAsStreamAsync());
        var read = new List<string>();
        while (await reader.ReadLineAsync() is { } line)
        {
            if (line.StartsWith("data: ", StringComparison.Ordinal) && JsonNode.Parse(line[6..])!["delta"]?["text"] is { } text)
            {
                read.Add((string)text!);
                turn.Release();
            }
        }

        Assert.Equal(["part 0", "part 1", "part 2", "part 3"], read);
    }

    [Fact]
    public async Task A_translated_stream_that_falls_silent_ends_with_an_error_after_what_was_said()
    {
        await _fabric.Use(_upstream, Key);
        _upstream.Behave(async http =>
        {
            await FakeUpstream.BeginStream(http);
            await FakeUpstream.Piece(http, $"data: {FakeUpstream.Chunk("first")}\n\n");
            await FakeUpstream.Silence(http);
        });
        using var response = await _fabric.Messages(Ask.Replace("\"max_tokens\"", "\"stream\":true,\"max_tokens\"", StringComparison.Ordinal));
        var events = (await response.Events()).Select(one => JsonNode.Parse(one)!).ToList();

        Assert.Contains(events, one => (string?)one["delta"]?["text"] == "first");
        Assert.Equal(("error", "upstream_timeout"), ((string)events[^1]["type"]!, (string)events[^1]["error"]!["code"]!));
    }

    [Theory]
    [InlineData(400, 400, "invalid_request_error")]
    [InlineData(404, 404, "not_found_error")]
    [InlineData(413, 413, "request_too_large")]
    [InlineData(429, 429, "rate_limit_error")]
    [InlineData(401, 502, "api_error")]
    [InlineData(503, 503, "overloaded_error")]
    public async Task An_error_has_the_form_that_anthropics_clients_read(int upstream, int status, string type)
    {
        await _fabric.Use(_upstream, Key, "anthropic");
        _upstream.Behave(http =>
        {
            http.Response.Headers.RetryAfter = "3600";
            return FakeUpstream.Json(http, """{"type":"error","error":{"type":"x","message":"because KEY"}}""".Replace("KEY", Key, StringComparison.Ordinal), upstream);
        });
        using var response = await _fabric.Messages(Ask);
        var error = await response.Json();

        Assert.Equal((status, "error", type), ((int)response.StatusCode, (string)error["type"]!, (string)error["error"]!["type"]!));
        Assert.Equal(response.Headers.GetValues("request-id").Single(), (string)error["request_id"]!);
        Assert.DoesNotContain("canary", error.ToJsonString() + _fabric.Logs.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_cannot_be_carried_is_refused_before_anything_is_sent()
    {
        await _fabric.Use(_upstream, Key);
        using var response = await _fabric.Messages("""{"model":"up/real","max_tokens":5,"top_k":3,"messages":[{"role":"user","content":"hi"}]}""");
        var error = await response.Json();

        Assert.Equal((HttpStatusCode.BadRequest, "not_carried"), (response.StatusCode, (string)error["error"]!["code"]!));
        Assert.Contains("'top_k'", (string)error["error"]!["message"]!, StringComparison.Ordinal);
        Assert.Empty(_upstream.Requests);
    }

    [Fact]
    public async Task Hints_that_stay_behind_are_named_in_a_header()
    {
        await _fabric.Use(_upstream, Key);
        using var response = await _fabric.Messages("""{"model":"up/real","max_tokens":5,"messages":[{"role":"user","content":[{"type":"text","text":"hi","cache_control":{"type":"ephemeral"}}]}]}""");

        Assert.Equal("cache_control", response.Headers.GetValues("x-agentplatform-not-carried").Single());
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_chat_client_talks_to_google_without_the_key_leaving_a_trace(bool stream)
    {
        await _fabric.Use(_upstream, Key, "gemini");
        const string answer = """{"responseId":"r","modelVersion":"real-model","candidates":[{"content":{"parts":[{"text":"hello"}]},"finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":7,"candidatesTokenCount":3}}""";
        _upstream.Behave(http => stream ? Stream(http, $"data: {answer}\r\n\r\n") : FakeUpstream.Json(http, answer));
        using var response = await _fabric.Chat(FabricHost.Ask(stream: stream));
        var told = await response.Content.ReadAsStringAsync();

        Assert.Contains("hello", told, StringComparison.Ordinal);
        var sent = Assert.Single(_upstream.Requests);
        Assert.Equal((stream ? "/v1/models/real:streamGenerateContent" : "/v1/models/real:generateContent", Key), (sent.Path, sent.Headers["x-goog-api-key"]));
        Assert.Equal(("stop", new ModelFabric.Calls.TokenUsage(7, 3, Estimated: false)), ((await _fabric.Calls.Next()) is var record ? (record.FinishReason!, record.Usage!) : default));
        Assert.DoesNotContain("canary", told + _fabric.Logs.Text + await _fabric.Http.GetStringAsync("/admin/providers") + await _fabric.Http.GetStringAsync("/admin/calls"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_script_answers_every_format()
    {
        _fabric.Script("poet", "model: scripted/poet\nturns:\n  - text: hello\n");
        using var messages = await _fabric.Messages(Ask.Replace("up/real", "scripted/poet", StringComparison.Ordinal));
        using var streamed = await _fabric.Messages(Ask.Replace("\"up/real\"", "\"scripted/poet\",\"stream\":true", StringComparison.Ordinal));
        using var responses = await _fabric.Post("/v1/responses", """{"model":"scripted/poet","input":"hi"}""");

        Assert.Equal("hello", (string)(await messages.Json())["content"]![0]!["text"]!);
        Assert.Equal("hello", (string)AddUp.Stream("messages", await streamed.Content.ReadAsStringAsync())["content"]![0]!["text"]!);
        Assert.Equal("hello", (string)(await responses.Json())["output"]![0]!["content"]![0]!["text"]!);
    }

    [Theory]
    [InlineData(null, 401, "authentication_error")]
    [InlineData("viewer", 403, "permission_error")]
    public async Task A_missing_or_weak_token_is_told_in_the_callers_form(string? role, int status, string type)
    {
        using var http = _fabric.As(role: null);
        if (role is not null)
        {
            http.DefaultRequestHeaders.Add("x-api-key", FabricHost.Token(role));
        }
        using var response = await http.PostAsync("/anthropic/v1/messages", new StringContent(Ask));

        Assert.Equal((status, type), ((int)response.StatusCode, (string)(await response.Json())["error"]!["type"]!));
    }

    [Fact]
    public async Task The_models_are_listed_in_anthropics_form()
    {
        await _fabric.Use(_upstream);
        var list = JsonNode.Parse(await _fabric.Http.GetStringAsync("/anthropic/v1/models"))!;

        Assert.Equal(("up/real", "model", false), ((string)list["data"]![0]!["id"]!, (string)list["data"]![0]!["type"]!, (bool)list["has_more"]!));
    }

    private static string Sse(IEnumerable<string> events) => string.Concat(events.Select(data => $"event: {JsonNode.Parse(data)!["type"]}\ndata: {data}\n\n"));

    private static async Task Stream(Microsoft.AspNetCore.Http.HttpContext http, string text)
    {
        await FakeUpstream.BeginStream(http);
        await FakeUpstream.Piece(http, text);
    }
}
