using System.Net;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using AgentPlatform.ModelFabric.Tests.Fixtures;

namespace AgentPlatform.ModelFabric.Tests.Routing;

/// <summary>Two candidates beside each other: the first that begins is heard, the other is ended and paid for.</summary>
public sealed class HedgeTests : IAsyncLifetime
{
    private FabricHost _fabric = null!;
    private FakeUpstream _first = null!;
    private FakeUpstream _second = null!;

    public async ValueTask InitializeAsync()
    {
        (_fabric, _first, _second) = (await FabricHost.Start(("ModelFabric:Upstream:RetriesMax", "0")), await FakeUpstream.Start(), await FakeUpstream.Start());
        using var one = await _fabric.PutProvider("one", new { kind = "openai", baseUrl = _first.BaseUrl, models = new[] { "m" } });
        using var two = await _fabric.PutProvider("two", new { kind = "openai", baseUrl = _second.BaseUrl, models = new[] { "m" } });
        using var three = await _fabric.PutProvider("three", new { kind = "anthropic", baseUrl = _second.BaseUrl, models = new[] { "m" } });
    }

    public async ValueTask DisposeAsync()
    {
        await _fabric.DisposeAsync();
        await _first.DisposeAsync();
        await _second.DisposeAsync();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_candidate_that_is_silent_is_overtaken_by_the_next_and_ended_at_once(bool stream)
    {
        await Route(0.05, "one/m", "two/m");
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
            await FakeUpstream.Piece(http, $"data: {FakeUpstream.Chunk("hello")}\n\n");
            // Only when the loser is gone does the winner go on: it must not wait for the winner's end.
            await dropped.Task;
            await FakeUpstream.Piece(http, $"data: {FakeUpstream.Chunk("!", "stop")}\n\ndata: [DONE]\n\n");
        });
        using var set = await _fabric.Http.PutAsJsonAsync("/admin/budgets/all", new { scope = "all", window = "total", tokensMax = 100000 });
        using var response = await _fabric.Chat(FabricHost.Ask("auto", stream));
        var told = await response.Content.ReadAsStringAsync();
        var record = await _fabric.Calls.Next();
        await dropped.Task.WaitAsync(TimeSpan.FromSeconds(20));

        Assert.Contains("hello", told, StringComparison.Ordinal);
        Assert.Equal("two/m", response.Headers.GetValues("x-agentplatform-model").Single());
        var overtaken = Assert.Single(record.Before!);
        Assert.Equal(("two", null, "one", "hedged"), (record.Provider, record.ErrorClass, overtaken.Provider, overtaken.ErrorClass));
        var usage = JsonNode.Parse(await _fabric.Http.GetStringAsync("/admin/usage?by=provider"))!["usage"]!.AsArray();
        Assert.Equal(["one 1", "two 1"], usage.Select(sum => $"{sum!["of"]!["provider"]} {sum["calls"]}"));
        Assert.True((long)usage[0]!["inputTokens"]! > 0 && (long)usage[0]!["estimated"]! == 1, usage.ToJsonString());
        Assert.Equal(0, (long)JsonNode.Parse(await _fabric.Http.GetStringAsync("/admin/budgets/all"))!["spent"]![0]!["tokensReserved"]!);
    }

    [Fact]
    public async Task A_candidate_that_answers_in_time_is_the_only_one_asked()
    {
        await Route(30, "one/m", "two/m");
        using var response = await _fabric.Chat(FabricHost.Ask("auto"));

        Assert.Equal((HttpStatusCode.OK, 1, 0), (response.StatusCode, _first.Requests.Count, _second.Requests.Count));
        Assert.Null((await _fabric.Calls.Next()).Before);
    }

    [Fact]
    public async Task The_slow_one_is_heard_when_the_one_beside_it_fails()
    {
        await Route(0.05, "one/m", "two/m");
        var failed = new TaskCompletionSource();
        _first.Behave(async http =>
        {
            await failed.Task;
            await FakeUpstream.Json(http, FakeUpstream.Answer);
        });
        _second.Behave(async http =>
        {
            await FakeUpstream.Json(http, """{"error":{"message":"no"}}""", 500);
            failed.TrySetResult();
        });
        using var response = await _fabric.Chat(FabricHost.Ask("auto"));

        Assert.Equal((HttpStatusCode.OK, "one/m"), (response.StatusCode, response.Headers.GetValues("x-agentplatform-model").Single()));
        Assert.Equal(("two", "upstream_error"), ((await _fabric.Calls.Next()) is { Before: [var before] } ? (before.Provider, before.ErrorClass) : default));
    }

    [Fact]
    public async Task When_both_fail_the_next_is_asked_as_without_a_hedge()
    {
        await Route(0.05, "one/m", "two/m", "three/m");
        var asked = new TaskCompletionSource();
        _first.Behave(async http =>
        {
            await asked.Task;
            await FakeUpstream.Json(http, """{"error":{"message":"no"}}""", 500);
        });
        _second.Behave(http =>
        {
            asked.TrySetResult();
            return http.Request.Path.Value!.EndsWith("messages", StringComparison.Ordinal)
                ? FakeUpstream.Json(http, """{"type":"message","id":"x","model":"m","content":[{"type":"text","text":"from three"}],"stop_reason":"end_turn","usage":{"input_tokens":1,"output_tokens":1}}""")
                : FakeUpstream.Json(http, """{"error":{"message":"no"}}""", 500);
        });
        using var response = await _fabric.Chat(FabricHost.Ask("auto"));

        Assert.Contains("from three", await response.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        Assert.Equal(["one upstream_error", "two upstream_error"], (await _fabric.Calls.Next()).Before!.Select(before => $"{before.Provider} {before.ErrorClass}").Order());
    }

    [Fact]
    public async Task A_hedge_without_a_second_candidate_is_refused()
    {
        using var response = await _fabric.Http.PutAsJsonAsync("/admin/routes/auto", new { candidates = new[] { new { model = "one/m" } }, hedgeAfterSeconds = 1 });

        Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
        Assert.Contains("second candidate", (string)(await response.Json())["detail"]!, StringComparison.Ordinal);
    }

    private async Task Route(double hedgeAfterSeconds, params string[] models)
    {
        using var response = await _fabric.Http.PutAsJsonAsync("/admin/routes/auto", new { candidates = models.Select(model => new { model }), hedgeAfterSeconds });
        Assert.True(response.IsSuccessStatusCode, await response.Content.ReadAsStringAsync());
    }
}
