using System.Net;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using AgentPlatform.ModelFabric.Tests.Fixtures;
using Microsoft.AspNetCore.Http;

namespace AgentPlatform.ModelFabric.Tests.Budgets;

/// <summary>Budgets as owners set them and callers meet them.</summary>
public sealed class BudgetRouteTests : IAsyncLifetime
{
    private const string Run = "x-agentplatform-run";
    private FabricHost _fabric = null!;
    private FakeUpstream _upstream = null!;

    public async ValueTask InitializeAsync()
    {
        (_fabric, _upstream) = (await FabricHost.Start(), await FakeUpstream.Start());
        using var set = await _fabric.PutProvider("up", new
        {
            kind = "openai", baseUrl = _upstream.BaseUrl, models = new[] { "real" },
            cards = new[] { new { model = "real", prices = new[] { new { from = "2020-01-01", input = 100m, output = 1000m }, new { from = "2199-01-01", input = 0m, output = 0m } } } },
        });
        set.EnsureSuccessStatusCode();
    }

    public async ValueTask DisposeAsync()
    {
        await _fabric.DisposeAsync();
        await _upstream.DisposeAsync();
    }

    [Fact]
    public async Task A_budget_is_set_shown_with_what_is_spent_and_removed()
    {
        using var created = await Put("team", new { scope = "principal", window = "day", tokensMax = 5000, moneyMax = 15m });
        using var call = await _fabric.Chat(FabricHost.Ask());
        var record = await _fabric.Calls.Next();
        var shown = JsonNode.Parse(await _fabric.Http.GetStringAsync("/admin/budgets/team"))!;
        using var removed = await _fabric.Http.DeleteAsync("/admin/budgets/team");
        using var gone = await _fabric.Http.GetAsync("/admin/budgets/team");

        Assert.Equal((HttpStatusCode.Created, HttpStatusCode.OK, HttpStatusCode.NoContent, HttpStatusCode.NotFound), (created.StatusCode, call.StatusCode, removed.StatusCode, gone.StatusCode));
        // 7 tokens of question at 100 a million and 3 of answer at 1000.
        Assert.Equal(0.0037m, record.Cost);
        var spent = Assert.Single(shown["spent"]!.AsArray())!;
        Assert.Equal((10L, 0.0037m, 0L), ((long)spent["tokens"]!, (decimal)spent["money"]!, (long)spent["tokensReserved"]!));
        Assert.EndsWith("|owner", (string)spent["counter"]!, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{"scope":"run","window":"total"}""", "tokensMax")]
    [InlineData("""{"scope":"run","window":"total","tokensMax":-1}""", "negative")]
    [InlineData("""{"scope":"all","window":"total","tokensMax":1,"of":"x"}""", "of names")]
    public async Task A_budget_that_means_nothing_is_refused_with_the_remedy(string body, string named)
    {
        using var response = await _fabric.Http.PutAsync("/admin/budgets/b", new StringContent(body, System.Text.Encoding.UTF8, "application/json"));

        Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
        Assert.Contains(named, (string)(await response.Json())["detail"]!, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Only_an_owner_changes_budgets()
    {
        using var agent = _fabric.As("operator");
        using var set = await agent.PutAsJsonAsync("/admin/budgets/b", new { scope = "all", window = "day", tokensMax = 1 });
        using var listed = await agent.GetAsync("/admin/budgets");

        Assert.Equal((HttpStatusCode.Forbidden, HttpStatusCode.OK), (set.StatusCode, listed.StatusCode));
    }

    [Theory]
    [InlineData("/v1/chat/completions", "insufficient_quota")]
    [InlineData("/v1/responses", "insufficient_quota")]
    [InlineData("/anthropic/v1/messages", "billing_error")]
    public async Task Beyond_a_budget_the_caller_is_told_in_its_own_form_which_and_what_is_left(string path, string type)
    {
        using var set = await Put("small", new { scope = "all", window = "total", tokensMax = 50 });
        using var response = await _fabric.Post(path, """{"model":"up/real","max_tokens":40,"max_output_tokens":40,"input":"hi there","messages":[{"role":"user","content":"hi there"}]}""");

        var error = await response.Error(402);
        Assert.Equal((type, "budget_exhausted"), ((string)error["type"]!, (string)error["code"]!));
        Assert.Contains("'small' has 50 of 50 tokens left", (string)error["message"]!, StringComparison.Ordinal);
        Assert.Contains("40 of answer", (string)error["message"]!, StringComparison.Ordinal);
        Assert.Empty(_upstream.Requests);
        Assert.Equal(("budget_exhausted", 402), ((await _fabric.Calls.Next()) is var record ? (record.ErrorClass!, record.Status) : default));
    }

    [Fact]
    public async Task Each_run_has_a_budget_of_its_own_and_a_call_outside_of_runs_has_none()
    {
        using var set = await Put("run", new { scope = "run", window = "total", tokensMax = 120 });
        using var first = await _fabric.Chat(Asking(60), (Run, "a"));
        await _fabric.Calls.Next();
        using var again = await _fabric.Chat(Asking(109), (Run, "a"));
        using var other = await _fabric.Chat(Asking(60), (Run, "b"));
        using var none = await _fabric.Chat(Asking(5000));

        Assert.Equal((200, 402, 200, 200), ((int)first.StatusCode, (int)again.StatusCode, (int)other.StatusCode, (int)none.StatusCode));
        Assert.Contains("run 'a'", await again.Content.ReadAsStringAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Money_is_reserved_by_the_price_of_the_day()
    {
        using var set = await Put("coins", new { scope = "provider", window = "day", moneyMax = 0.05m });
        using var dear = await _fabric.Chat(Asking(100));
        using var cheap = await _fabric.Chat(Asking(40));

        Assert.Contains("0.05 of 0.05 in money", (string)(await dear.Error(402))["message"]!, StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.OK, cheap.StatusCode);
    }

    [Fact]
    public async Task What_costs_nobody_knows_how_much_is_refused_under_a_budget_in_money_unless_it_is_local()
    {
        using var local = await _fabric.PutProvider("near", new { kind = "openai", baseUrl = _upstream.BaseUrl, models = new[] { "real" } });
        using var remote = await _fabric.PutProvider("far", new { kind = "openai", baseUrl = "https://example.invalid/v1", models = new[] { "m" }, allowRemote = true });
        using var set = await Put("coins", new { scope = "all", window = "total", moneyMax = 1m });
        using var near = await _fabric.Chat(FabricHost.Ask("near/real"));
        using var far = await _fabric.Chat(FabricHost.Ask("far/m"));

        Assert.Equal(HttpStatusCode.OK, near.StatusCode);
        Assert.Equal("price_unknown", (string)(await far.Error(402))["code"]!);
    }

    [Fact]
    public async Task A_stream_that_is_given_up_and_an_answer_that_never_came_are_paid_for()
    {
        using var set = await Put("all", new { scope = "all", window = "total", tokensMax = 100000 });
        var arrived = new TaskCompletionSource();
        _upstream.Behave(async (http, attempt) =>
        {
            if (attempt == 1)
            {
                await FakeUpstream.BeginStream(http);
                await FakeUpstream.Piece(http, $"data: {FakeUpstream.Chunk("twelve letters and more")}\n\n");
            }
            arrived.TrySetResult();
            await FakeUpstream.Silence(http);
        });
        using (var leaving = new CancellationTokenSource())
        {
            using var stream = await _fabric.Chat(FabricHost.Ask(stream: true), leaving.Token);
            await using var body = await stream.Content.ReadAsStreamAsync();
            Assert.True(await body.ReadAsync(new byte[10]) > 0);
            await leaving.CancelAsync();
        }
        var aborted = await _fabric.Calls.Next();
        arrived = new TaskCompletionSource();
        using (var leaving = new CancellationTokenSource())
        {
            var call = _fabric.Chat(FabricHost.Ask(), leaving.Token);
            await arrived.Task;
            await leaving.CancelAsync();
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => call);
        }
        var silent = await _fabric.Calls.Next();

        Assert.True(aborted.Usage is { Estimated: true, Input: > 5, Output: > 3 }, $"{aborted.Usage}");
        Assert.True(silent.Usage is { Estimated: true, Input: > 5, Output: 0 }, $"{silent.Usage}");
        var spent = Assert.Single(JsonNode.Parse(await _fabric.Http.GetStringAsync("/admin/budgets/all"))!["spent"]!.AsArray())!;
        Assert.Equal((aborted.Usage.Input + aborted.Usage.Output + silent.Usage.Input, 0L), ((long)spent["tokens"]!, (long)spent["tokensReserved"]!));
    }

    [Fact]
    public async Task A_call_that_the_provider_refuses_costs_nothing_and_gives_back_what_it_had_set_aside()
    {
        using var set = await Put("all", new { scope = "all", window = "total", tokensMax = 100 });
        _upstream.Behave((http, attempt) => attempt == 1 ? FakeUpstream.Json(http, """{"error":{"message":"no"}}""", 400) : FakeUpstream.Json(http, FakeUpstream.Answer));
        using var refused = await _fabric.Chat(Asking(70));
        await _fabric.Calls.Next();
        using var answered = await _fabric.Chat(Asking(70));
        await _fabric.Calls.Next();
        var usage = JsonNode.Parse(await _fabric.Http.GetStringAsync("/admin/usage?by=provider,model"))!["usage"]!;

        Assert.Equal((400, 200), ((int)refused.StatusCode, (int)answered.StatusCode));
        Assert.Equal("""[{"of":{"provider":"up","model":"real"},"calls":2,"failed":1,"inputTokens":7,"cachedTokens":0,"outputTokens":3,"money":0.0037,"unpriced":0,"estimated":0}]""", usage.ToJsonString());
    }

    [Fact]
    public async Task A_sum_by_what_there_is_not_is_refused()
    {
        using var response = await _fabric.Http.GetAsync("/admin/usage?by=colour");

        Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
        Assert.Contains("principal", (string)(await response.Json())["detail"]!, StringComparison.Ordinal);
    }

    private Task<HttpResponseMessage> Put(string name, object body) => _fabric.Http.PutAsJsonAsync($"/admin/budgets/{name}", body);

    private static string Asking(int answerMax) => $$"""{"model":"up/real","max_tokens":{{answerMax}},"messages":[{"role":"user","content":"hi"}]}""";
}
