using System.Net;
using System.Text.Json.Nodes;
using AgentPlatform.ModelFabric.Tests.Fixtures;
using AgentPlatform.Testing;
using Npgsql;

namespace AgentPlatform.ModelFabric.Tests.Calls;

/// <summary>Records are stored behind the caller's back: what is kept of them when the store is away, slow to come, or refuses one.</summary>
public sealed class RecordCallsTests(Servers servers)
{
    [Fact]
    public async Task While_the_store_is_away_records_wait_and_no_call_is_begun_that_may_stay_without_one()
    {
        await using var upstream = await FakeUpstream.Start();
        await using var fabric = await FabricHost.Start(("ModelFabric:Records:WaitingMax", "2"));
        await fabric.Use(upstream);
        fabric.Calls.FailsWith = new IOException("the store is away");
        using var first = await fabric.Chat(FabricHost.Ask());
        using var second = await fabric.Chat(FabricHost.Ask());
        using var third = await fabric.Chat(FabricHost.Ask());

        Assert.Equal((HttpStatusCode.OK, HttpStatusCode.OK), (first.StatusCode, second.StatusCode));
        Assert.Equal("store_unavailable", (string)(await third.Error(503))["code"]!);
        Assert.Equal(2, upstream.Requests.Count);

        fabric.Calls.FailsWith = null;
        await fabric.Calls.Next();
        await fabric.Calls.Next();
        Assert.Equal(2, await fabric.Calls.Count());
        await Eventually.True(async () =>
        {
            using var again = await fabric.Chat(FabricHost.Ask());
            return again.StatusCode == HttpStatusCode.OK;
        }, "calls are made again");
    }

    [Fact]
    public async Task Many_calls_share_a_commit_and_each_is_told_with_what_it_used()
    {
        await using var upstream = await FakeUpstream.Start();
        var database = await servers.NewDatabase();
        await using var fabric = await FabricHost.StartDurable(servers, database, ("ModelFabric:Records:GatheredFor", "00:00:00.500"));
        await fabric.Use(upstream);
        await Task.WhenAll(Enumerable.Range(0, 90).Select(async n =>
        {
            using var response = await fabric.Post("/v1/chat/completions", FabricHost.Ask(), default,
                ("x-agentplatform-run", $"run-{n % 3}"), ("x-agentplatform-task", $"task-{n}"), ("traceparent", $"00-{n + 1:x32}-00000000000000a1-01"));
            Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        }));

        // Asked at once: the lists wait for what is under way.
        var calls = JsonNode.Parse(await fabric.Http.GetStringAsync("/admin/calls?limit=500"))!["items"]!.AsArray();
        var sums = JsonNode.Parse(await fabric.Http.GetStringAsync("/admin/usage?by=run"))!["usage"]!.AsArray();
        Assert.Equal(90, calls.Select(call => (string)call!["id"]!).Distinct().Count());
        Assert.Equal([30L, 30L, 30L], sums.Select(sum => (long)sum!["calls"]!));
        Assert.Equal(90 * 7, sums.Sum(sum => (long)sum!["inputTokens"]!));

        // Each event bears the trace of its own request, though another task stored it.
        await using var source = NpgsqlDataSource.Create(database);
        await using var command = source.CreateCommand("select data->>'Task', headers->>'traceparent', data->>'Trace' from mt_events where type = 'model-called.1'");
        await using var reader = await command.ExecuteReaderAsync();
        while (await reader.ReadAsync())
        {
            var trace = $"{int.Parse(reader.GetString(0)["task-".Length..]) + 1:x32}";
            Assert.Equal((trace, $"00-{trace}"), (reader.GetString(2), reader.GetString(1)[..35]));
        }
    }

    [Fact]
    public async Task A_record_that_the_store_refuses_is_counted_all_the_same_and_the_others_with_it_are_stored()
    {
        await using var upstream = await FakeUpstream.Start();
        // PostgreSQL takes no such character in JSON.
        upstream.Behave((http, n) => FakeUpstream.Json(http, n == 2 ? FakeUpstream.Answer.Replace("real-model", @"real\u0000model", StringComparison.Ordinal) : FakeUpstream.Answer));
        await using var fabric = await FabricHost.StartDurable(servers, await servers.NewDatabase(), ("ModelFabric:Records:GatheredFor", "00:00:01"));
        await fabric.Use(upstream);
        for (var n = 0; n < 3; n++)
        {
            using var response = await fabric.Chat(FabricHost.Ask());
            Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        }

        var sum = Assert.Single(JsonNode.Parse(await fabric.Http.GetStringAsync("/admin/usage"))!["usage"]!.AsArray())!;
        Assert.Equal((3L, 21L), ((long)sum["calls"]!, (long)sum["inputTokens"]!));
        Assert.Equal(2, JsonNode.Parse(await fabric.Http.GetStringAsync("/admin/calls"))!["items"]!.AsArray().Count);
        Assert.Contains("Error 4202", fabric.Logs.Text, StringComparison.Ordinal);
    }
}
