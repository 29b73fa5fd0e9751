using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json.Nodes;
using AgentPlatform.ModelFabric.Tests.Fixtures;
using AgentPlatform.Testing;

namespace AgentPlatform.ModelFabric.Tests.Providers;

/// <summary>Whose key a call goes out under, and how keys change while the service runs.</summary>
public sealed class PrincipalKeyTests(Servers servers)
{
    [Fact]
    public async Task A_principal_with_a_key_of_its_own_calls_under_it_and_everybody_else_under_the_providers()
    {
        await using var upstream = await FakeUpstream.Start();
        var database = await servers.NewDatabase();
        await using (var fabric = await FabricHost.StartDurable(servers, database))
        {
            await fabric.Use(upstream, "key-of-the-house");
            using var denied = await fabric.As("operator").PutAsJsonAsync("/admin/providers/up/keys/agent", new { key = "key-of-the-agent" });
            using var set = await fabric.Http.PutAsJsonAsync("/admin/providers/up/keys/agent", new { key = "key-of-the-agent" });
            Assert.Equal((HttpStatusCode.Forbidden, HttpStatusCode.OK), (denied.StatusCode, set.StatusCode));
            var shown = JsonNode.Parse(await fabric.Http.GetStringAsync("/admin/providers/up"))!;
            Assert.StartsWith("sha256:", (string)shown["principalKeys"]!["agent"]!, StringComparison.Ordinal);
            Assert.DoesNotContain("key-of", shown.ToJsonString() + fabric.Logs.Text, StringComparison.Ordinal);
        }
        await using var after = await FabricHost.StartDurable(servers, database);
        await Call(after, "owner");
        await Call(after, "agent");
        using var removed = await after.Http.DeleteAsync("/admin/providers/up/keys/agent");
        using var gone = await after.Http.DeleteAsync("/admin/providers/up/keys/agent");
        await Call(after, "agent");

        Assert.Equal((HttpStatusCode.NoContent, HttpStatusCode.NotFound), (removed.StatusCode, gone.StatusCode));
        Assert.Equal(["Bearer key-of-the-house", "Bearer key-of-the-agent", "Bearer key-of-the-house"], upstream.Requests.Select(request => request.Headers["Authorization"]));
    }

    [Fact]
    public async Task A_principals_key_does_not_follow_the_base_url_to_another_server()
    {
        await using var fabric = await FabricHost.Start();
        using var put = await fabric.PutProvider("p", new { kind = "openai", baseUrl = "http://127.0.0.1:1/v1", key = "k" });
        using var own = await fabric.Http.PutAsJsonAsync("/admin/providers/p/keys/agent", new { key = "a" });
        using var moved = await fabric.PutProvider("p", new { kind = "openai", baseUrl = "http://127.0.0.1:2/v1", key = "k" });
        using var stays = await fabric.PutProvider("p", new { kind = "openai", baseUrl = "http://127.0.0.1:1/v2", key = "k" });

        Assert.Equal((HttpStatusCode.BadRequest, HttpStatusCode.OK), (moved.StatusCode, stays.StatusCode));
        Assert.Contains("keys of agent", (string)(await moved.Json())["detail"]!, StringComparison.Ordinal);
        Assert.NotNull((await stays.Json())["principalKeys"]?["agent"] ?? JsonNode.Parse(await fabric.Http.GetStringAsync("/admin/providers/p"))!["principalKeys"]!["agent"]);
    }

    [Fact]
    public async Task A_key_is_changed_between_two_calls_without_a_restart_in_the_vault_and_in_a_file()
    {
        await using var upstream = await FakeUpstream.Start();
        var file = Path.Combine(Directory.CreateTempSubdirectory("fabric-key-").FullName, "key");
        await File.WriteAllTextAsync(file, "first-of-the-file\n");
        await using var fabric = await FabricHost.Start(("ModelFabric:Providers:filed:BaseUrl", upstream.BaseUrl), ("ModelFabric:Providers:filed:KeyFile", file));
        await fabric.Use(upstream, "first-of-the-vault");
        await Call(fabric, "owner");
        await Call(fabric, "owner", "filed/real");
        await fabric.Use(upstream, "second-of-the-vault");
        await File.WriteAllTextAsync(file, "second-of-the-file\n");
        await Call(fabric, "owner");
        await Call(fabric, "owner", "filed/real");

        Assert.Equal(["first-of-the-vault", "first-of-the-file", "second-of-the-vault", "second-of-the-file"], upstream.Requests.Select(request => request.Headers["Authorization"].Split(' ')[1]));
        Directory.Delete(Path.GetDirectoryName(file)!, recursive: true);
    }

    private static async Task Call(FabricHost fabric, string role, string model = "up/real")
    {
        using var http = fabric.As(role);
        using var response = await http.PostAsync("/v1/chat/completions", new StringContent(FabricHost.Ask(model), Encoding.UTF8, "application/json"));
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
    }
}
