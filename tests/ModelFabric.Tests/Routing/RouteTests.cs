using System.Net;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using AgentPlatform.ModelFabric.Tests.Fixtures;
using Microsoft.AspNetCore.Http;

namespace AgentPlatform.ModelFabric.Tests.Routing;

/// <summary>Routes over two real servers, the first of which misbehaves.</summary>
public sealed class RouteTests : IAsyncLifetime
{
    private const string Model = "x-agentplatform-model";
    private FabricHost _fabric = null!;
    private FakeUpstream _first = null!;
    private FakeUpstream _second = null!;

    public async ValueTask InitializeAsync()
    {
        (_first, _second) = (await FakeUpstream.Start(), await FakeUpstream.Start());
        _fabric = await FabricHost.Start(
            ("ModelFabric:Upstream:RetriesMax", "0"), ("ModelFabric:Router:CircuitCallsMin", "2"), ("ModelFabric:Router:CircuitOpen", "00:01:00"), ("ModelFabric:Router:CallsWaitingMax", "1"));
        await Provider("one", _first);
        await Provider("two", _second);
        await Route("auto", new { candidates = new[] { new { model = "one/m" }, new { model = "two/m" } } });
    }

    public async ValueTask DisposeAsync()
    {
        await _fabric.DisposeAsync();
        await _first.DisposeAsync();
        await _second.DisposeAsync();
    }

    [Theory]
    [InlineData(500, "upstream_error")]
    [InlineData(503, "upstream_unavailable")]
    [InlineData(429, "rate_limit_exceeded")]
    [InlineData(401, "provider_refused_key")]
    [InlineData(404, "model_not_found")]
    public async Task A_failure_that_another_candidate_need_not_have_leads_to_it(int status, string errorClass)
    {
        _first.Behave(http => FakeUpstream.Json(http, """{"error":{"message":"no"}}""", status));
        using var response = await _fabric.Chat(FabricHost.Ask("auto"), ("x-agentplatform-run", "run-1"));
        var record = await _fabric.Calls.Next();

        Assert.Equal((HttpStatusCode.OK, "two/m"), (response.StatusCode, response.Headers.GetValues(Model).Single()));
        Assert.Equal(("auto", "two", "m", (string?)null), (record.Model, record.Provider, record.UpstreamModel!, record.ErrorClass));
        Assert.Equal(("one", "m", errorClass), (Assert.Single(record.Before!) is var before ? (before.Provider, before.Model, before.ErrorClass) : default));
        Assert.Contains("\"model\":\"m\"", Assert.Single(_second.Requests).Text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{"error":{"message":"too long","code":"context_length_exceeded"}}""")]
    [InlineData("""{"error":{"message":"This model's maximum context length is 8192 tokens."}}""")]
    [InlineData("""{"type":"error","error":{"type":"invalid_request_error","message":"prompt is too long: 210000 tokens > 200000 maximum"}}""")]
    public async Task A_context_that_overflows_leads_to_the_next_and_at_the_last_is_called_so(string said)
    {
        _first.Behave(http => FakeUpstream.Json(http, said, 400));
        using var helped = await _fabric.Chat(FabricHost.Ask("auto"));
        _second.Behave(http => FakeUpstream.Json(http, said, 400));
        using var refused = await _fabric.Chat(FabricHost.Ask("auto"));

        Assert.Equal(HttpStatusCode.OK, helped.StatusCode);
        Assert.Equal("context_length_exceeded", (string)(await refused.Error(400))["code"]!);
    }

    [Fact]
    public async Task A_request_that_is_wrong_is_wrong_everywhere()
    {
        _first.Behave(http => FakeUpstream.Json(http, """{"error":{"message":"temperature must be a number"}}""", 400));
        using var response = await _fabric.Chat(FabricHost.Ask("auto"));

        Assert.Equal("provider_rejected_request", (string)(await response.Error(400))["code"]!);
        Assert.Empty(_second.Requests);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_slow_provider_is_left_for_the_next_and_its_call_is_dropped(bool stream)
    {
        var dropped = new TaskCompletionSource();
        _first.Behave(http => FakeUpstream.Silence(http, dropped));
        _second.Behave(async http =>
        {
            if (!stream)
            {
                await FakeUpstream.Json(http, FakeUpstream.Answer);
                return;
            }
            await FakeUpstream.BeginStream(http);
            await FakeUpstream.Piece(http, $"data: {FakeUpstream.Chunk("hello", "stop")}\n\ndata: [DONE]\n\n");
        });
        await Route("fast", new { candidates = new[] { new { model = "one/m" }, new { model = "two/m" } }, firstTokenWithinSeconds = 0.2 });
        using var response = await _fabric.Chat(FabricHost.Ask("fast", stream));

        Assert.Contains("hello", await response.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        await dropped.Task.WaitAsync(TimeSpan.FromSeconds(20));
        Assert.Equal("upstream_timeout", Assert.Single((await _fabric.Calls.Next()).Before!).ErrorClass);
    }

    [Fact]
    public async Task Once_a_byte_went_out_nobody_else_is_asked()
    {
        var seen = new TaskCompletionSource();
        _first.Behave(async http =>
        {
            await FakeUpstream.BeginStream(http);
            await FakeUpstream.Piece(http, $"data: {FakeUpstream.Chunk("first")}\n\n");
            await seen.Task;
            http.Abort();
        });
        using var response = await _fabric.Chat(FabricHost.Ask("auto", stream: true));
        using var reader = new StreamReader(await response.Content.ReadAsStreamAsync());
        var begin = await reader.ReadLineAsync();
        seen.SetResult();
        var told = await reader.ReadToEndAsync();

        Assert.Contains("first", begin, StringComparison.Ordinal);
        Assert.Contains("upstream_disconnected", told, StringComparison.Ordinal);
        Assert.Empty(_second.Requests);
    }

    [Fact]
    public async Task A_provider_that_keeps_failing_is_not_asked_any_more_and_the_explanation_says_so()
    {
        _first.Behave(http => FakeUpstream.Json(http, "{}", 500));
        for (var n = 0; n < 4; n++)
        {
            using var answered = await _fabric.Chat(FabricHost.Ask("auto"));
            Assert.Equal(HttpStatusCode.OK, answered.StatusCode);
        }
        using var direct = await _fabric.Chat(FabricHost.Ask("one/m"));
        var explained = await Explain("""{"model":"auto","messages":[]}""");

        Assert.Equal("provider_circuit_open", (string)(await direct.Error(503))["code"]!);
        Assert.NotNull(direct.Headers.RetryAfter);
        Assert.Equal(2, _first.Requests.Count);
        Assert.Equal(["chosen two/m", "excluded one/m"], explained["candidates"]!.AsArray().Select(one => $"{one!["verdict"]} {one["model"]}"));
        Assert.Contains("failed too often", (string)explained["candidates"]![1]!["why"]!, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Local_only_never_leaves_the_machine_not_even_when_nothing_else_is_left()
    {
        using var far = await _fabric.PutProvider("far", new { kind = "openai", baseUrl = "https://example.invalid/v1", models = new[] { "m" }, allowRemote = true });
        await Route("mine", new { candidates = new[] { new { model = "far/m" }, new { model = "one/m" } }, localOnly = true });
        await Route("any", new { candidates = new[] { new { model = "far/m" }, new { model = "one/m" } } });
        _first.Behave(http => FakeUpstream.Json(http, "{}", 500));
        using var byRoute = await _fabric.Chat(FabricHost.Ask("mine"));
        using var byCaller = await _fabric.Chat(FabricHost.Ask("any"), ("x-agentplatform-local-only", "true"));
        using var direct = await _fabric.Chat(FabricHost.Ask("far/m"), ("x-agentplatform-local-only", "true"));

        Assert.Equal("upstream_error", (string)(await byRoute.Error(502))["code"]!);
        Assert.Equal("upstream_error", (string)(await byCaller.Error(502))["code"]!);
        Assert.Equal("local_only", (string)(await direct.Error(403))["code"]!);
        Assert.Equal(2, _first.Requests.Count);
    }

    [Fact]
    public async Task What_no_candidate_can_take_is_refused_with_the_reason_of_each()
    {
        await Provider("one", _first, new { model = "m", tools = false });
        await Provider("two", _second, new { model = "m", contextTokensMax = 20 });
        using var response = await _fabric.Chat(
            """{"model":"auto","max_tokens":50,"messages":[{"role":"user","content":"hi"}],"tools":[{"type":"function","function":{"name":"f"}}]}""");

        var error = await response.Error(400);
        Assert.Equal("no_candidate_fits", (string)error["code"]!);
        Assert.Contains("one/m: the request offers tools", (string)error["message"]!, StringComparison.Ordinal);
        Assert.Contains("50 for the answer, it holds 20", (string)error["message"]!, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_a_request_needs_is_read_from_every_format()
    {
        var chat = await Explain("""{"model":"auto","messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:x"}}]}],"response_format":{"type":"json_schema"},"tools":[]}""");
        var messages = await Explain("""{"model":"auto","max_tokens":7,"messages":[{"role":"user","content":[{"type":"image","source":{}}]}],"tools":[{"name":"f"}]}""", "messages");

        Assert.Equal(("False True True", 0L), (Needs(chat), (long)chat["needs"]!["outputTokens"]!));
        Assert.Equal(("True True False", 7L), (Needs(messages), (long)messages["needs"]!["outputTokens"]!));

        static string Needs(JsonNode explained) => $"{(bool)explained["needs"]!["tools"]!} {(bool)explained["needs"]!["vision"]!} {(bool)explained["needs"]!["jsonSchema"]!}";
    }

    [Fact]
    public async Task A_spent_budget_of_one_provider_leads_to_the_next_and_the_last_word_is_the_budgets()
    {
        using var one = await _fabric.Http.PutAsJsonAsync("/admin/budgets/one", new { scope = "provider", window = "day", tokensMax = 5, of = "one" });
        using var response = await _fabric.Chat(FabricHost.Ask("auto"));
        using var all = await _fabric.Http.PutAsJsonAsync("/admin/budgets/all", new { scope = "all", window = "day", tokensMax = 5 });
        using var refused = await _fabric.Chat(FabricHost.Ask("auto"));

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Contains("'all'", (string)(await refused.Error(402))["message"]!, StringComparison.Ordinal);
        Assert.Empty(_first.Requests);
    }

    [Fact]
    public async Task A_provider_gets_no_more_calls_in_a_minute_than_it_bears_and_those_too_many_go_elsewhere()
    {
        await using var fabric = await FabricHost.Start(("ModelFabric:Router:WaitMax", "00:00:00.200"));
        using var one = await fabric.PutProvider("one", new { kind = "openai", baseUrl = _first.BaseUrl, models = new[] { "m" }, callsPerMinuteMax = 2 });
        using var two = await fabric.PutProvider("two", new { kind = "openai", baseUrl = _second.BaseUrl, models = new[] { "m" } });
        using var auto = await fabric.Http.PutAsJsonAsync("/admin/routes/auto", new { candidates = new[] { new { model = "one/m" }, new { model = "two/m" } } });
        using var first = await fabric.Chat(FabricHost.Ask("one/m"));
        using var second = await fabric.Chat(FabricHost.Ask("one/m"));
        using var third = await fabric.Chat(FabricHost.Ask("one/m"));
        using var elsewhere = await fabric.Chat(FabricHost.Ask("auto"));

        Assert.Equal((200, 200), ((int)first.StatusCode, (int)second.StatusCode));
        var error = await third.Error(429);
        Assert.Equal("provider_busy", (string)error["code"]!);
        Assert.Contains("2 calls within a minute", (string)error["message"]!, StringComparison.Ordinal);
        Assert.Equal("two/m", elsewhere.Headers.GetValues(Model).Single());
        Assert.Equal(2, _first.Requests.Count);
    }

    [Fact]
    public async Task A_provider_gets_no_more_calls_at_once_than_it_bears_and_those_too_many_go_elsewhere()
    {
        using var set = await _fabric.PutProvider("one", new { kind = "openai", baseUrl = _first.BaseUrl, models = new[] { "m" }, concurrentCallsMax = 1 });
        var (arrived, release) = (new TaskCompletionSource(), new TaskCompletionSource());
        _first.Behave(async http =>
        {
            arrived.TrySetResult();
            await release.Task;
            await FakeUpstream.Json(http, FakeUpstream.Answer);
        });
        var inside = _fabric.Chat(FabricHost.Ask("one/m"));
        await arrived.Task;
        Task<HttpResponseMessage>[] more = [_fabric.Chat(FabricHost.Ask("one/m")), _fabric.Chat(FabricHost.Ask("one/m"))];
        // One of the two may wait, the other is one too many; which of them comes first is the network's affair.
        using var tooMany = await await Task.WhenAny(more);
        using var elsewhere = await _fabric.Chat(FabricHost.Ask("auto"));
        release.SetResult();
        var all = await Task.WhenAll([inside, .. more]);

        Assert.Equal("provider_busy", (string)(await tooMany.Error(429))["code"]!);
        Assert.Equal("two/m", elsewhere.Headers.GetValues(Model).Single());
        Assert.Equal([200, 200, 429], all.Select(one => (int)one.StatusCode).Order());
        Assert.Equal(2, _first.Requests.Count);
    }

    [Fact]
    public async Task Routes_are_listed_as_models_changed_and_removed()
    {
        var models = await _fabric.Http.GetStringAsync("/v1/models");
        using var again = await _fabric.Http.PutAsJsonAsync("/admin/routes/auto", new { candidates = new[] { new { model = "two/m", weight = 2, tier = 1 } } });
        var shown = await _fabric.Http.GetStringAsync("/admin/routes/auto");
        using var removed = await _fabric.Http.DeleteAsync("/admin/routes/auto");
        using var gone = await _fabric.Chat(FabricHost.Ask("auto"));

        Assert.Contains("""{"id":"auto","object":"model","created":0,"owned_by":"route"}""", models, StringComparison.Ordinal);
        Assert.Equal((HttpStatusCode.OK, HttpStatusCode.NoContent), (again.StatusCode, removed.StatusCode));
        Assert.Equal("""{"name":"auto","candidates":[{"model":"two/m","weight":2,"tier":1}],"localOnly":false}""", shown);
        Assert.Equal("model_not_found", (string)(await gone.Error(404))["code"]!);
    }

    [Theory]
    [InlineData("Upper", """{"candidates":[{"model":"one/m"}]}""")]
    [InlineData("r", """{"candidates":[]}""")]
    [InlineData("r", """{"candidates":[{"model":"nowhere"}]}""")]
    [InlineData("r", """{"candidates":[{"model":"one/m"},{"model":"one/m"}]}""")]
    [InlineData("r", """{"candidates":[{"model":"one/m","weight":0}]}""")]
    [InlineData("r", """{"candidates":[{"model":"one/m"}],"firstTokenWithinSeconds":0}""")]
    public async Task A_route_that_leads_nowhere_is_refused(string name, string body)
    {
        using var response = await _fabric.Http.PutAsync($"/admin/routes/{name}", new StringContent(body, System.Text.Encoding.UTF8, "application/json"));

        Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
        Assert.Contains("route-refused", (string)(await response.Json())["type"]!, StringComparison.Ordinal);
    }

    private async Task Provider(string name, FakeUpstream upstream, params object[] cards)
    {
        using var set = await _fabric.PutProvider(name, new { kind = "openai", baseUrl = upstream.BaseUrl, models = new[] { "m" }, cards });
        set.EnsureSuccessStatusCode();
    }

    private async Task Route(string name, object body)
    {
        using var set = await _fabric.Http.PutAsJsonAsync($"/admin/routes/{name}", body);
        set.EnsureSuccessStatusCode();
    }

    private async Task<JsonNode> Explain(string request, string format = "chat")
    {
        using var response = await _fabric.Http.PostAsJsonAsync("/admin/routes/explain", new { request = JsonNode.Parse(request), format });
        Assert.True(response.IsSuccessStatusCode, await response.Content.ReadAsStringAsync());
        return await response.Json();
    }
}
