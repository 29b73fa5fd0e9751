using System.Net;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using AgentPlatform.ModelFabric.Tests.Fixtures;

namespace AgentPlatform.ModelFabric.Tests.Providers;

public sealed class TestProviderTests
{
    private const string Key = "sk-canary-0123456789abcdef0123456789";

    [Fact]
    public async Task A_provider_that_works_answers_calls_a_tool_and_streams_and_each_is_recorded()
    {
        await using var upstream = await FakeUpstream.Start();
        await using var fabric = await FabricHost.Start();
        await fabric.Use(upstream, Key);
        upstream.Behave(async (http, attempt) =>
        {
            if (attempt == 2)
            {
                await FakeUpstream.Json(http, """{"choices":[{"message":{"tool_calls":[{"id":"c","type":"function","function":{"name":"report","arguments":"{\"word\":\"ok\"}"}}]}}]}""");
            }
            else if (attempt == 3)
            {
                await FakeUpstream.BeginStream(http);
                await FakeUpstream.Piece(http, $"data: {FakeUpstream.Chunk("ok", "stop")}\n\ndata: [DONE]\n\n");
            }
            else
            {
                await FakeUpstream.Json(http, FakeUpstream.Answer);
            }
        });
        using var response = await fabric.Http.PostAsJsonAsync("/admin/providers/up/test", new { });
        var told = await response.Json();

        Assert.Equal(("real", true), ((string)told["model"]!, (bool)told["ok"]!));
        Assert.Equal(["answer: answered", """tool_call: called report with {"word":"ok"}""", "stream: 2 events, complete"],
            told["checks"]!.AsArray().Select(check => $"{check!["check"]}: {check["detail"]}"));
        for (var n = 0; n < 3; n++)
        {
            await fabric.Calls.Next();
        }
        Assert.Equal(3, await fabric.Calls.Count());
    }

    [Fact]
    public async Task What_does_not_work_is_named_and_the_key_is_not()
    {
        await using var upstream = await FakeUpstream.Start();
        await using var fabric = await FabricHost.Start();
        await fabric.Use(upstream, Key);
        upstream.Behave((http, attempt) => attempt == 1
            ? FakeUpstream.Json(http, """{"error":{"message":"bad key KEY"}}""".Replace("KEY", Key, StringComparison.Ordinal), 401)
            : FakeUpstream.Json(http, FakeUpstream.Answer));
        using var response = await fabric.Http.PostAsJsonAsync("/admin/providers/up/test", new { model = "real" });
        var told = await response.Json();
        using var unknown = await fabric.Http.PostAsJsonAsync("/admin/providers/none/test", new { });

        Assert.Equal(["provider_refused_key", "The answer does not hold it", "upstream_not_streaming"], told["checks"]!.AsArray().Select(check => ((string)check!["detail"]!).Split(':')[0]));
        Assert.DoesNotContain(told["checks"]!.AsArray(), check => (bool)check!["ok"]!);
        Assert.DoesNotContain("canary", told.ToJsonString(), StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.NotFound, unknown.StatusCode);
    }
}
