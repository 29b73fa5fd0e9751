using System.Diagnostics;
using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json.Nodes;
using AgentPlatform.ModelFabric.Tests.Fixtures;
using AgentPlatform.Testing;

namespace AgentPlatform.ModelFabric.Tests.Budgets;

/// <summary>Budgets over real PostgreSQL: many callers at once, and a process that is killed.</summary>
public sealed class DurableBudgetTests(Servers servers)
{
    [Fact]
    public async Task Two_hundred_calls_at_once_against_a_budget_for_fifty_spend_no_more_and_every_sum_is_the_providers()
    {
        await using var upstream = await FakeUpstream.Start();
        await using var fabric = await FabricHost.StartDurable(servers, await servers.NewDatabase());
        await fabric.Use(upstream);
        // Ten tokens each, of which the estimate knows nothing: it takes the question for more than it is.
        using var set = await fabric.Http.PutAsJsonAsync("/admin/budgets/fifty", new { scope = "all", window = "total", tokensMax = 500 });
        var statuses = await Task.WhenAll(Enumerable.Range(0, 200).Select(async n =>
        {
            using var response = await fabric.Post("/v1/chat/completions", """{"model":"up/real","max_tokens":3,"messages":[{"role":"user","content":"hi"}]}""", default, ("x-agentplatform-run", $"run-{n % 4}"));
            return (int)response.StatusCode;
        }));
        await Eventually.Get(async () => (long)JsonNode.Parse(await fabric.Http.GetStringAsync("/admin/usage"))!["usage"]![0]!["calls"]!, calls => calls == upstream.Requests.Count, "as many calls as the provider had");

        Assert.Equal([200, 402], statuses.Distinct().Order());
        Assert.Equal(upstream.Requests.Count, statuses.Count(status => status == 200));
        Assert.InRange(upstream.Requests.Count, 10, 50);
        var sums = JsonNode.Parse(await fabric.Http.GetStringAsync("/admin/usage?by=run"))!["usage"]!.AsArray();
        Assert.Equal((upstream.Requests.Count * 7L, upstream.Requests.Count * 3L), (sums.Sum(sum => (long)sum!["inputTokens"]!), sums.Sum(sum => (long)sum!["outputTokens"]!)));
        var spent = Assert.Single(JsonNode.Parse(await fabric.Http.GetStringAsync("/admin/budgets/fifty"))!["spent"]!.AsArray())!;
        Assert.Equal((upstream.Requests.Count * 10L, 0L), ((long)spent["tokens"]!, (long)spent["tokensReserved"]!));
    }

    [Fact]
    public async Task What_a_killed_process_had_set_aside_stays_so_for_its_time_and_is_free_afterwards()
    {
        await using var upstream = await FakeUpstream.Start();
        var arrived = new TaskCompletionSource();
        upstream.Behave((http, attempt) =>
        {
            arrived.TrySetResult();
            return attempt == 1 ? FakeUpstream.Silence(http) : FakeUpstream.Json(http, FakeUpstream.Answer);
        });
        (string, string)[] impatient =
        [
            ("ModelFabric:Upstream:ConnectTimeout", "00:00:02"), ("ModelFabric:Upstream:FirstByteTimeout", "00:00:05"), ("ModelFabric:Upstream:CallDurationMax", "00:00:05"),
            ("ModelFabric:Budgets:ReservationsKept", "00:00:20"),
        ];
        var database = await servers.NewDatabase();
        await using var fabric = await FabricHost.StartDurable(servers, database, impatient);
        await fabric.Use(upstream);
        using var set = await fabric.Http.PutAsJsonAsync("/admin/budgets/tight", new { scope = "all", window = "total", tokensMax = 100 });
        const string Ask = """{"model":"up/real","max_tokens":60,"messages":[{"role":"user","content":"hi"}]}""";

        var folder = Directory.CreateTempSubdirectory("fabric-killed-").FullName;
        using var killed = Process.Start(ServiceProcess.Of(servers, folder, database, impatient))!;
        try
        {
            var url = await ServiceProcess.Listening(killed);
            using var http = new HttpClient { BaseAddress = url };
            http.DefaultRequestHeaders.Authorization = new("Bearer", FabricHost.Token("owner"));
            var lost = http.PostAsync("/v1/chat/completions", new StringContent(Ask, Encoding.UTF8, "application/json"));
            await arrived.Task.WaitAsync(TimeSpan.FromSeconds(30));
            killed.Kill();
            await Assert.ThrowsAnyAsync<HttpRequestException>(() => lost);
        }
        finally
        {
            killed.Kill(entireProcessTree: true);
            await killed.WaitForExitAsync();
            Directory.Delete(folder, recursive: true);
        }

        using var refused = await fabric.Chat(Ask);
        Assert.Equal("budget_exhausted", (string)(await refused.Error(402))["code"]!);
        var spent = Assert.Single(JsonNode.Parse(await fabric.Http.GetStringAsync("/admin/budgets/tight"))!["spent"]!.AsArray())!;
        Assert.True((long)spent["tokens"]! == 0 && (long)spent["tokensReserved"]! > 60, spent.ToJsonString());
        await Eventually.True(async () =>
        {
            using var again = await fabric.Chat(Ask);
            return again.StatusCode == HttpStatusCode.OK;
        }, "room again", within: TimeSpan.FromSeconds(60));
        Assert.Equal(2, upstream.Requests.Count);
    }
}
