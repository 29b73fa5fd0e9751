using System.Diagnostics;
using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json.Nodes;
using AgentPlatform.ModelFabric.Tests.Fixtures;
using AgentPlatform.Provisioning.Files;
using AgentPlatform.Testing;

namespace AgentPlatform.ModelFabric.Tests.Calls;

/// <summary>A process that is killed at its worst moments, and the next one over the same data.</summary>
public sealed class KilledProcessTests(Servers servers)
{
    private const string Ask = """{"model":"up/real","max_tokens":60,"stream":STREAM,"messages":[{"role":"user","content":"hi"}]}""";

    [Fact]
    public async Task Every_call_of_a_killed_process_is_told_once_and_counts_what_it_used_or_had_set_aside()
    {
        await using var upstream = await FakeUpstream.Start();
        var (silent, half) = (new TaskCompletionSource(), new TaskCompletionSource());
        upstream.Behave(async (http, attempt) =>
        {
            switch (attempt)
            {
                case 2:
                    silent.TrySetResult();
                    await FakeUpstream.Silence(http);
                    return;
                case 3:
                    await FakeUpstream.BeginStream(http);
                    await FakeUpstream.Piece(http, $"data: {FakeUpstream.Chunk("half")}\n\n");
                    half.TrySetResult();
                    await FakeUpstream.Silence(http);
                    return;
                default:
                    await FakeUpstream.Json(http, FakeUpstream.Answer);
                    return;
            }
        });
        using var data = TemporaryFolder.Make();
        var (folder, database) = (data.Path, await servers.NewDatabase());
        // Nothing of what the first process answers reaches the store before it dies.
        (string, string)[] settings = [("ModelFabric:Providers:up:BaseUrl", upstream.BaseUrl), ("ModelFabric:Records:GatheredFor", "00:00:01")];
        using var killed = Process.Start(ServiceProcess.Of(servers, folder, database, [.. settings, ("ModelFabric:Records:PerCommitMax", "100")]))!;
        try
        {
            using var http = new HttpClient { BaseAddress = await ServiceProcess.Listening(killed) };
            http.DefaultRequestHeaders.Authorization = new("Bearer", FabricHost.Token("owner"));
            using var set = await http.PutAsJsonAsync("/admin/budgets/all", new { scope = "all", window = "total", tokensMax = 10_000 });
            Task<HttpResponseMessage> Call(string run, bool stream)
            {
                var request = new HttpRequestMessage(HttpMethod.Post, "/v1/chat/completions") { Content = new StringContent(Ask.Replace("STREAM", stream ? "true" : "false", StringComparison.Ordinal), Encoding.UTF8, "application/json") };
                request.Headers.Add("x-agentplatform-run", run);
                return http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
            }
            using var first = await Call("warm", stream: false);
            var lost = Call("silent", stream: false);
            await silent.Task.WaitAsync(TimeSpan.FromSeconds(30));
            using var torn = await Call("half", stream: true);
            await half.Task.WaitAsync(TimeSpan.FromSeconds(30));
            using var answered = await Call("answered", stream: false);
            Assert.Contains("hello", await answered.Content.ReadAsStringAsync(), StringComparison.Ordinal);
            killed.Kill();
            await Assert.ThrowsAnyAsync<HttpRequestException>(() => lost);
        }
        finally
        {
            killed.Kill(entireProcessTree: true);
            await killed.WaitForExitAsync();
        }
        // A line that it was about to write.
        var journal = Assert.Single(Directory.GetFiles(Path.Combine(folder, "modelfabric", "journal")));
        await File.AppendAllTextAsync(journal, "\n{\"id\":\"0199");
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(journal));

        await using var next = await FabricHost.StartDurable(servers, database, [.. settings, ("ModelFabric:DataFolder", folder)]);
        var calls = await Eventually.Get(async () => JsonNode.Parse(await next.Http.GetStringAsync("/admin/calls"))!["items"]!.AsArray(), items => items.Count >= 4, "four records");
        Assert.Equal(
            [("answered", 200, ""), ("half", 500, "gateway_died"), ("silent", 500, "gateway_died"), ("warm", 200, "")],
            calls.Select(call => ((string)call!["origin"]!["run"]!, (int)call["status"]!, (string?)call["errorClass"] ?? "")).Order());
        var sums = JsonNode.Parse(await next.Http.GetStringAsync("/admin/usage?by=run"))!["usage"]!.AsArray().ToDictionary(sum => (string)sum!["of"]!["run"]!, sum => ((long)sum!["outputTokens"]!, (long)sum["failed"]!, (long)sum["estimated"]!));
        Assert.Equal([("answered", (3, 0, 0)), ("half", (60, 1, 1)), ("silent", (60, 1, 1)), ("warm", (3, 0, 0))], sums.Select(sum => (sum.Key, sum.Value)).OrderBy(sum => sum.Key, StringComparer.Ordinal));
        var spent = Assert.Single(JsonNode.Parse(await next.Http.GetStringAsync("/admin/budgets/all"))!["spent"]!.AsArray())!;
        Assert.Equal(0, (long)spent["tokensReserved"]!);
        Assert.False(File.Exists(journal));
        Assert.Contains("4207", next.Logs.Text, StringComparison.Ordinal);
        using var after = await next.Chat(FabricHost.Ask());
        Assert.Equal(HttpStatusCode.OK, after.StatusCode);
    }
}
