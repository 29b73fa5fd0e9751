using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json.Nodes;
using AgentPlatform.ModelFabric.Tests.Fixtures;
using AgentPlatform.Testing;
using Microsoft.AspNetCore.Http;
using Npgsql;

namespace AgentPlatform.ModelFabric.Tests.Exchanges;

/// <summary>Texts that a policy has kept: given again as a replay, or as a cached answer, and never readable in the database.</summary>
public sealed class ReplayTests(Servers servers)
{
    [Fact]
    public async Task A_recorded_exchange_is_replayed_byte_for_byte_and_nobody_is_asked()
    {
        await using var upstream = await FakeUpstream.Start();
        upstream.Behave((http, n) => n == 1 ? FakeUpstream.Json(http, FakeUpstream.Answer) : Stream(http));
        await using var fabric = await FabricHost.Start();
        await fabric.Use(upstream);
        await Policy(fabric, new { keepTexts = true });
        var whole = await Said(fabric, FabricHost.Ask());
        var stream = await Said(fabric, FabricHost.Ask(stream: true));
        var again = await Said(fabric, FabricHost.Ask("replay/up/real"));
        var streamed = await Said(fabric, FabricHost.Ask("replay/up/real", stream: true));

        Assert.Equal((FakeUpstream.Answer, whole, stream), (whole, again, streamed));
        Assert.Contains("[DONE]", stream, StringComparison.Ordinal);
        Assert.Equal(2, upstream.Requests.Count);
        await fabric.Calls.Next();
        await fabric.Calls.Next();
        await fabric.Calls.Next();
        var record = await fabric.Calls.Next();
        Assert.Equal(("replay", 1L, 1L), (record.Provider, record.Usage?.Input, record.Usage?.Output));
    }

    [Fact]
    public async Task What_was_not_recorded_or_was_somebody_elses_is_refused_and_not_made_up()
    {
        await using var upstream = await FakeUpstream.Start();
        await using var fabric = await FabricHost.Start();
        await fabric.Use(upstream);
        await Policy(fabric, new { keepTexts = true });
        await Said(fabric, FabricHost.Ask());
        using var unasked = await fabric.Chat(FabricHost.Ask("replay/up/real").Replace("hi", "ho", StringComparison.Ordinal));
        using var others = await fabric.As("agent").PostAsync("/v1/chat/completions", new StringContent(FabricHost.Ask("replay/up/real"), Encoding.UTF8, "application/json"));

        var error = await unasked.Error(404);
        Assert.Equal("exchange_not_recorded", (string)error["code"]!);
        Assert.Contains("keepTexts", (string)error["message"]!, StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.NotFound, others.StatusCode);
        Assert.Single(upstream.Requests);
    }

    [Fact]
    public async Task An_answer_is_given_again_for_as_long_as_the_policy_says_to_the_same_principal_only_and_costs_nothing()
    {
        await using var upstream = await FakeUpstream.Start();
        upstream.Behave((http, n) => FakeUpstream.Json(http, FakeUpstream.Answer.Replace("hello", $"hello {n}", StringComparison.Ordinal)));
        await using var fabric = await FabricHost.Start();
        await fabric.Use(upstream);
        await Policy(fabric, new { cacheSeconds = 3600 });
        var first = await Said(fabric, FabricHost.Ask());
        var asked = await fabric.Calls.Next();
        using var hit = await fabric.Chat(FabricHost.Ask());
        var again = await fabric.Calls.Next();
        var other = await Said(fabric, FabricHost.Ask().Replace("hi", "ho", StringComparison.Ordinal));
        using var agent = await fabric.As("agent").PostAsync("/v1/chat/completions", new StringContent(FabricHost.Ask(), Encoding.UTF8, "application/json"));

        Assert.Equal((first, "hit"), (await hit.Content.ReadAsStringAsync(), hit.Headers.GetValues("x-agentplatform-cache").Single()));
        Assert.Equal((asked.Id, asked.ResponseSha256, null), (again.CachedFrom!.Value, again.ResponseSha256, again.Usage));
        Assert.Contains("hello 2", other, StringComparison.Ordinal);
        Assert.Contains("hello 3", await agent.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        Assert.False(asked.TextsKept);
        var sum = JsonNode.Parse(await fabric.Http.GetStringAsync("/admin/usage"))!["usage"]![0]!;
        Assert.Equal(3, (long)sum["calls"]!);
    }

    [Fact]
    public async Task Texts_are_kept_sealed_outlive_a_restart_and_are_shown_to_owners_only()
    {
        await using var upstream = await FakeUpstream.Start();
        upstream.Behave(http => FakeUpstream.Json(http, FakeUpstream.Answer.Replace("hello", "canary-answer", StringComparison.Ordinal)));
        var (database, ask) = (await servers.NewDatabase(), FabricHost.Ask().Replace("hi", "canary-question", StringComparison.Ordinal));
        string call;
        await using (var before = await FabricHost.StartDurable(servers, database))
        {
            await before.Use(upstream);
            await Policy(before, new { keepTexts = true });
            using var response = await before.Chat(ask);
            call = response.Headers.GetValues("x-agentplatform-call").Single();
            using var hidden = await before.As("operator").GetAsync($"/admin/calls/{call}/texts");
            Assert.Equal(HttpStatusCode.Forbidden, hidden.StatusCode);
            var shown = JsonNode.Parse(await before.Http.GetStringAsync($"/admin/calls/{call}/texts"))!;
            Assert.Contains("canary-question", (string)shown["request"]!, StringComparison.Ordinal);
            Assert.Contains("canary-answer", (string)shown["answer"]!, StringComparison.Ordinal);
            Assert.DoesNotContain("canary", before.Logs.Text, StringComparison.Ordinal);
        }
        await using var after = await FabricHost.StartDurable(servers, database);
        Assert.Contains("canary-answer", await Said(after, ask.Replace("up/real", "replay/up/real", StringComparison.Ordinal)), StringComparison.Ordinal);
        Assert.True((bool)JsonNode.Parse(await after.Http.GetStringAsync("/admin/calls"))!["items"]!.AsArray().Last()!["textsKept"]!);

        await using var source = NpgsqlDataSource.Create(database);
        await using var command = source.CreateCommand("select (select string_agg(data::text, '') from mt_events) || (select string_agg(t::text || encode(t.answer, 'escape') || encode(t.request, 'escape'), '') from ap_model_texts t)");
        var all = (string)(await command.ExecuteScalarAsync())!;
        Assert.Contains("up/real", all, StringComparison.Ordinal);
        Assert.DoesNotContain("canary", all, StringComparison.Ordinal);
    }

    private static async Task Policy(FabricHost fabric, object body)
    {
        using var response = await fabric.Http.PutAsJsonAsync("/admin/policies/texts", body);
        Assert.True(response.IsSuccessStatusCode, await response.Content.ReadAsStringAsync());
    }

    private static async Task<string> Said(FabricHost fabric, string ask)
    {
        using var response = await fabric.Chat(ask);
        var text = await response.Content.ReadAsStringAsync();
        Assert.True(response.IsSuccessStatusCode, text);
        return text;
    }

    private static async Task Stream(HttpContext http)
    {
        await FakeUpstream.BeginStream(http);
        await FakeUpstream.Piece(http, $"data: {FakeUpstream.Chunk("hel")}\n\ndata: {FakeUpstream.Chunk("lo", "stop")}\n\n");
        await FakeUpstream.Piece(http, """data: {"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":1}}""" + "\n\ndata: [DONE]\n\n");
    }
}
