using System.Net;
using System.Text.Json.Nodes;
using AgentPlatform.ModelFabric.Tests.Fixtures;
using AgentPlatform.Testing;
using Npgsql;

namespace AgentPlatform.ModelFabric.Tests;

/// <summary>The service over real PostgreSQL and NATS, started again over the same database.</summary>
public sealed class DurableTests(Servers servers)
{
    private const string Key = "sk-canary-0123456789abcdef0123456789";

    [Fact]
    public async Task Providers_keys_and_recorded_answers_survive_a_restart()
    {
        await using var upstream = await FakeUpstream.Start();
        upstream.Behave((http, attempt) => FakeUpstream.Json(http, $$"""{"attempt":{{attempt}}}"""));
        var database = await servers.NewDatabase();
        await using (var before = await FabricHost.StartDurable(servers, database))
        {
            await before.Use(upstream, Key);
            using var first = await before.Chat(FabricHost.Ask(), ("Idempotency-Key", "k"), ("x-agentplatform-run", "run-1"));
            Assert.Equal("""{"attempt":1}""", await first.Content.ReadAsStringAsync());
            Assert.DoesNotContain("canary", before.Logs.Text, StringComparison.Ordinal);
        }
        await using var after = await FabricHost.StartDurable(servers, database);
        using var repeated = await after.Chat(FabricHost.Ask(), ("Idempotency-Key", "k"));
        using var fresh = await after.Chat(FabricHost.Ask());

        Assert.Equal("""{"attempt":1}""", await repeated.Content.ReadAsStringAsync());
        Assert.Equal("""{"attempt":2}""", await fresh.Content.ReadAsStringAsync());
        Assert.All(upstream.Requests, request => Assert.Equal($"Bearer {Key}", request.Headers["Authorization"]));
        var calls = await Eventually.Get(
            async () => JsonNode.Parse(await after.Http.GetStringAsync("/admin/calls"))!["items"]!.AsArray(), items => items.Count == 2, "two records");
        Assert.Equal("run-1", (string)calls[1]!["origin"]!["run"]!);
        Assert.DoesNotContain("canary", after.Logs.Text + await after.Http.GetStringAsync("/admin/providers"), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("anthropic", null)]
    [InlineData("gemini", null)]
    [InlineData("openai", "azure")]
    public async Task A_key_stands_in_no_column_log_or_answer_wherever_it_travels(string kind, string? preset)
    {
        await using var upstream = await FakeUpstream.Start();
        upstream.Behave((http, attempt) => FakeUpstream.Json(http, """{"error":{"message":"not with KEY"},"content":"KEY"}""".Replace("KEY", Key, StringComparison.Ordinal), attempt % 2 == 0 ? 400 : 200));
        var database = await servers.NewDatabase();
        await using var fabric = await FabricHost.StartDurable(servers, database);
        await fabric.Use(upstream, Key, kind, preset);
        var told = "";
        for (var i = 0; i < 4; i++)
        {
            using var chat = await fabric.Chat(FabricHost.Ask(stream: i > 1), ("Idempotency-Key", $"k{i}"));
            using var messages = await fabric.Messages("""{"model":"up/real","max_tokens":5,"messages":[{"role":"user","content":"hi"}]}""");
            told += await chat.Content.ReadAsStringAsync() + await messages.Content.ReadAsStringAsync();
        }
        await Eventually.Get(async () => JsonNode.Parse(await fabric.Http.GetStringAsync("/admin/calls"))!["items"]!.AsArray(), items => items.Count == 8, "eight records");

        Assert.All(upstream.Requests, request => Assert.Contains(Key, request.Headers.Values));
        await using var source = NpgsqlDataSource.Create(database);
        var rows = 0;
        foreach (var table in await Texts(source, "select format('%I.%I', schemaname, tablename) from pg_tables where schemaname not in ('pg_catalog', 'information_schema')"))
        {
            foreach (var row in await Texts(source, $"select t::text from {table} t"))
            {
                rows++;
                Assert.DoesNotContain("canary", row, StringComparison.Ordinal);
            }
        }
        Assert.True(rows > 8, $"{rows} rows were read");
        Assert.DoesNotContain("canary", told + fabric.Logs.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_removed_provider_is_gone_with_its_key_and_may_come_back()
    {
        await using var upstream = await FakeUpstream.Start();
        var database = await servers.NewDatabase();
        await using var fabric = await FabricHost.StartDurable(servers, database);
        await fabric.Use(upstream, Key);
        using var removed = await fabric.Http.DeleteAsync("/admin/providers/up");
        using var again = await fabric.Http.DeleteAsync("/admin/providers/up");
        using var gone = await fabric.Chat(FabricHost.Ask());
        await fabric.Use(upstream);
        using var back = await fabric.Chat(FabricHost.Ask());

        Assert.Equal((HttpStatusCode.NoContent, HttpStatusCode.NotFound, HttpStatusCode.NotFound, HttpStatusCode.OK),
            (removed.StatusCode, again.StatusCode, gone.StatusCode, back.StatusCode));
        Assert.False(upstream.Requests.Single().Headers.ContainsKey("Authorization"));
    }

    [Fact]
    public async Task The_same_setting_again_is_no_new_fact()
    {
        await using var upstream = await FakeUpstream.Start();
        await using var fabric = await FabricHost.StartDurable(servers, await servers.NewDatabase());
        await fabric.Use(upstream, Key);
        await fabric.Use(upstream, Key);

        Assert.Equal(1, (int)JsonNode.Parse(await fabric.Http.GetStringAsync("/v1/store/sequences"))!["count"]!);
    }

    [Fact]
    public async Task The_service_is_healthy_and_describes_itself()
    {
        await using var fabric = await FabricHost.StartDurable(servers, await servers.NewDatabase());
        await Eventually.True(async () => (await fabric.Http.GetAsync("/health")).IsSuccessStatusCode, "healthy");

        Assert.Contains("/v1/chat/completions", await fabric.Http.GetStringAsync("/openapi/v1.json"), StringComparison.Ordinal);
    }

    private static async Task<List<string>> Texts(NpgsqlDataSource source, string sql)
    {
        await using var command = source.CreateCommand(sql);
        await using var reader = await command.ExecuteReaderAsync();
        var texts = new List<string>();
        while (await reader.ReadAsync())
        {
            texts.Add(reader.GetString(0));
        }
        return texts;
    }
}
