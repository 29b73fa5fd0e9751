using System.Net;
using System.Text.Json.Nodes;
using AgentPlatform.ModelFabric.Tests.Fixtures;
using Microsoft.AspNetCore.Http;

namespace AgentPlatform.ModelFabric.Tests.Chat;

public sealed class ForwardingTests : IAsyncLifetime
{
    private const string Key = "sk-canary-0123456789abcdef0123456789";
    private FakeUpstream _upstream = null!;
    private FabricHost _fabric = null!;

    public async ValueTask InitializeAsync()
    {
        _upstream = await FakeUpstream.Start();
        _fabric = await FabricHost.Start(
            ("ModelFabric:Upstream:ConnectTimeout", "00:00:00.200"), ("ModelFabric:Upstream:FirstByteTimeout", "00:00:00.700"), ("ModelFabric:Upstream:IdleTimeout", "00:00:00.400"));
        await _fabric.Use(_upstream, Key);
    }

    public async ValueTask DisposeAsync()
    {
        await _fabric.DisposeAsync();
        await _upstream.DisposeAsync();
    }

    [Fact]
    public async Task Only_the_model_changes_on_the_way_out_and_nothing_on_the_way_back()
    {
        const string body = "{ \"messages\" : [ {\"role\":\"user\",\"content\":\"\\u0041 \\/ é\"} ],\n  \"model\":\"up/real\" , \"unheard_of\": 1.50e+3, \"nested\":{\"model\":\"up/real\"} }";
        using var response = await _fabric.Chat(body);

        Assert.Equal(FakeUpstream.Answer, await response.Content.ReadAsStringAsync());
        var sent = Assert.Single(_upstream.Requests);
        Assert.Equal(body.Replace("\"model\":\"up/real\" ,", "\"model\":\"real\" ,", StringComparison.Ordinal), sent.Text);
        Assert.Equal("/v1/chat/completions", sent.Path);
        Assert.Equal($"Bearer {Key}", sent.Headers["Authorization"]);
        Assert.False(sent.Headers.ContainsKey("traceparent"));
    }

    [Fact]
    public async Task The_clients_own_credentials_and_headers_stay_here()
    {
        using var response = await _fabric.Chat(FabricHost.Ask(), ("x-agentplatform-run", "run-1"), ("Cookie", "a=b"));

        var sent = Assert.Single(_upstream.Requests);
        Assert.DoesNotContain(FabricHost.Token("owner"), string.Join('\n', sent.Headers.Values), StringComparison.Ordinal);
        Assert.DoesNotContain(sent.Headers.Keys, name => name.StartsWith("x-agentplatform", StringComparison.OrdinalIgnoreCase) || name == "Cookie");
    }

    [Fact]
    public async Task A_call_ends_as_one_record_with_usage_and_hashes()
    {
        using var response = await _fabric.Chat(FabricHost.Ask(), ("x-agentplatform-run", "run-1"), ("x-agentplatform-task", "task-2"));
        var record = await _fabric.Calls.Next();

        Assert.Equal(("up/real", "up", "real-model", "stop", 200), (record.Model, record.Provider, record.ResponseModel!, record.FinishReason!, record.Status));
        Assert.Equal(new ModelFabric.Calls.TokenUsage(7, 3, Estimated: false), record.Usage);
        Assert.Equal(("run-1", "task-2"), (record.Origin.Run!, record.Origin.Task!));
        Assert.Equal(64, record.RequestSha256.Length);
        Assert.Equal(64, record.ResponseSha256!.Length);
        Assert.Null(record.ErrorClass);
        Assert.Equal(record.Id.ToString(), response.Headers.GetValues("x-agentplatform-call").Single());
    }

    [Fact]
    public async Task A_rate_limit_is_tried_again_after_the_time_the_provider_asked_for()
    {
        _upstream.Behave(async (http, attempt) =>
        {
            if (attempt == 1)
            {
                http.Response.Headers.RetryAfter = "1";
                await FakeUpstream.Json(http, """{"error":{"message":"slow down"}}""", 429);
                return;
            }
            await FakeUpstream.Json(http, FakeUpstream.Answer);
        });
        var clock = System.Diagnostics.Stopwatch.StartNew();
        using var response = await _fabric.Chat(FabricHost.Ask());

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.True(clock.Elapsed >= TimeSpan.FromSeconds(0.95), $"did not wait: {clock.Elapsed}");
        Assert.Equal(2, _upstream.Requests.Count);
        Assert.Equal(_upstream.Requests.First().Text, _upstream.Requests.Last().Text);
    }

    [Fact]
    public async Task A_long_retry_after_is_handed_to_the_client_at_once()
    {
        _upstream.Behave(http =>
        {
            http.Response.Headers.RetryAfter = "3600";
            return FakeUpstream.Json(http, """{"error":{"message":"quota is spent"}}""", 429);
        });
        using var response = await _fabric.Chat(FabricHost.Ask());

        var error = await response.Error(429);
        Assert.Contains("quota is spent", (string)error["message"]!, StringComparison.Ordinal);
        Assert.Equal("rate_limit_error", (string)error["type"]!);
        Assert.Equal(TimeSpan.FromHours(1), response.Headers.RetryAfter!.Delta);
        Assert.Single(_upstream.Requests);
    }

    [Fact]
    public async Task A_failing_provider_is_tried_a_bounded_number_of_times()
    {
        _upstream.Behave(http => FakeUpstream.Json(http, "boom", 500));
        using var response = await _fabric.Chat(FabricHost.Ask());

        var error = await response.Error(502);
        Assert.Equal("upstream_error", (string)error["code"]!);
        Assert.Equal(3, _upstream.Requests.Count);
        Assert.Equal("upstream_error", (await _fabric.Calls.Next()).ErrorClass);
    }

    [Theory]
    [InlineData(400, 400, "provider_rejected_request")]
    [InlineData(404, 404, "model_not_found")]
    [InlineData(413, 413, "provider_rejected_request")]
    [InlineData(401, 502, "provider_refused_key")]
    [InlineData(403, 502, "provider_refused_key")]
    [InlineData(302, 502, "upstream_error")]
    public async Task A_refusal_is_not_repeated_and_says_whose_fault_it_is(int upstream, int told, string code)
    {
        _upstream.Behave(http =>
        {
            http.Response.Headers.Location = "http://127.0.0.1:1/elsewhere";
            return FakeUpstream.Json(http, """{"error":{"message":"Incorrect API key provided: KEY"}}""".Replace("KEY", Key, StringComparison.Ordinal), upstream);
        });
        using var response = await _fabric.Chat(FabricHost.Ask());

        Assert.Equal(code, (string)(await response.Error(told))["code"]!);
        Assert.Single(_upstream.Requests);
        Assert.DoesNotContain(Key, await response.Content.ReadAsStringAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Something_that_is_no_json_is_not_passed_on()
    {
        _upstream.Behave(http => FakeUpstream.Json(http, "<html>welcome to the hotel network</html>"));
        using var response = await _fabric.Chat(FabricHost.Ask());

        Assert.Equal("upstream_invalid_answer", (string)(await response.Error(502))["code"]!);
    }

    [Fact]
    public async Task Slow_headers_end_in_a_timeout_that_names_what_was_awaited()
    {
        _upstream.Behave(http => FakeUpstream.Silence(http));
        using var response = await _fabric.Chat(FabricHost.Ask());

        var error = await response.Error(504);
        Assert.Equal("upstream_timeout", (string)error["code"]!);
        Assert.Contains("first byte", (string)error["message"]!, StringComparison.Ordinal);
        Assert.Single(_upstream.Requests);
    }

    [Fact]
    public async Task A_connection_cut_in_the_middle_of_an_answer_is_an_error()
    {
        _upstream.Behave(async http =>
        {
            http.Response.ContentType = "application/json";
            http.Response.ContentLength = 1000;
            await FakeUpstream.Piece(http, """{"choices":""");
            http.Abort();
        });
        using var response = await _fabric.Chat(FabricHost.Ask());

        Assert.Equal("upstream_disconnected", (string)(await response.Error(502))["code"]!);
    }

    [Fact]
    public async Task A_server_that_is_not_there_is_named_with_its_address()
    {
        var address = _upstream.BaseUrl;
        await _upstream.DisposeAsync();
        using var response = await _fabric.Chat(FabricHost.Ask());

        var error = await response.Error(502);
        Assert.Equal("upstream_unreachable", (string)error["code"]!);
        Assert.Contains(new Uri(address).Authority, (string)error["message"]!, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_client_that_leaves_takes_the_upstream_call_with_it()
    {
        var (arrived, dropped) = (new TaskCompletionSource(), new TaskCompletionSource());
        _upstream.Behave(async http =>
        {
            arrived.SetResult();
            await FakeUpstream.Silence(http, dropped);
        });
        using var leaving = new CancellationTokenSource();
        var call = _fabric.Chat(FabricHost.Ask(), leaving.Token);
        await arrived.Task;
        await leaving.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => call);
        await dropped.Task.WaitAsync(TimeSpan.FromSeconds(10));
        Assert.Equal(("client_closed", 499), ((await _fabric.Calls.Next()) is var record ? (record.ErrorClass!, record.Status) : default));
    }

    [Fact]
    public async Task The_key_appears_in_no_answer_error_or_log_line()
    {
        _upstream.Behave((http, attempt) => attempt switch
        {
            1 => FakeUpstream.Json(http, """{"error":{"message":"bad key KEY"}}""".Replace("KEY", Key, StringComparison.Ordinal), 400),
            2 => FakeUpstream.Json(http, $$"""{"echo":"Bearer {{Key}}"}"""),
            _ => FakeUpstream.Json(http, FakeUpstream.Answer),
        });
        var seen = "";
        for (var i = 0; i < 3; i++)
        {
            using var response = await _fabric.Chat(FabricHost.Ask());
            seen += response + await response.Content.ReadAsStringAsync();
        }
        seen += await _fabric.Http.GetStringAsync("/admin/providers") + await _fabric.Http.GetStringAsync("/admin/providers/up");
        using var refused = await _fabric.PutProvider("bad", new { kind = "openai", baseUrl = "http://example.com", key = Key });
        seen += await refused.Content.ReadAsStringAsync();

        Assert.Contains("sha256:", seen, StringComparison.Ordinal);
        Assert.Contains("upstream_echoed_key", seen, StringComparison.Ordinal);
        Assert.NotEmpty(_fabric.Logs.Text);
        Assert.DoesNotContain("canary", seen + _fabric.Logs.Text, StringComparison.Ordinal);
        Assert.All(_upstream.Requests, request => Assert.Equal($"Bearer {Key}", request.Headers["Authorization"]));
    }

    [Theory]
    [InlineData("not json", "invalid_json")]
    [InlineData("[]", "invalid_json")]
    [InlineData("""{"model":"up/real"}""", "missing_messages")]
    [InlineData("""{"messages":[]}""", "missing_model")]
    [InlineData("""{"model":7,"messages":[]}""", "invalid_type")]
    [InlineData("""{"model":"up/real","messages":[],"model":"up/other"}""", "duplicate_property")]
    [InlineData("""{"model":"up/real","messages":[]} trailing""", "invalid_json")]
    public async Task A_request_that_cannot_be_read_is_refused_without_a_call(string body, string code)
    {
        using var response = await _fabric.Chat(body);

        Assert.Equal(code, (string)(await response.Error(400))["code"]!);
        Assert.Empty(_upstream.Requests);
    }

    [Fact]
    public async Task An_unknown_model_is_told_what_exists()
    {
        using var response = await _fabric.Chat(FabricHost.Ask("up/other"));

        var error = await response.Error(404);
        Assert.Equal("model_not_found", (string)error["code"]!);
        Assert.Contains("up/real", (string)error["message"]!, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_model_list_has_the_openai_form()
    {
        var list = JsonNode.Parse(await _fabric.Http.GetStringAsync("/v1/models"))!;

        Assert.Equal("list", (string)list["object"]!);
        Assert.Equal("""{"id":"up/real","object":"model","created":0,"owned_by":"up"}""", Assert.Single(list["data"]!.AsArray())!.ToJsonString());
    }
}
