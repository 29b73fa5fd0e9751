using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using System.Net.Http.Json;
using System.Runtime.InteropServices;
using System.Text;
using AgentPlatform.ModelFabric.Tests.Fixtures;
using AgentPlatform.Testing;
using NATS.Client;

namespace AgentPlatform.ModelFabric.Tests.Providers;

/// <summary>A key that would be recognised anywhere, looked for where keys leak: traces, the environment and command line of processes, what a service prints, its files.</summary>
public sealed class CanaryKeyTests(Servers servers)
{
    private const string Key = "sk-canary-0123456789abcdef0123456789";
    private const string Own = "sk-canary-of-the-owner-89abcdef01234";

    [Fact]
    public async Task No_span_of_any_source_holds_a_key_whether_calls_go_well_or_not()
    {
        var told = new ConcurrentQueue<string>();
        using var listener = new ActivityListener
        {
            ShouldListenTo = _ => true,
            Sample = (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllDataAndRecorded,
            ActivityStopped = span => told.Enqueue(string.Join('\n',
                span.TagObjects.Concat(span.Events.SelectMany(one => one.Tags)).Select(tag => $"{tag.Key}={tag.Value}")
                    .Concat(span.Baggage.Select(one => $"{one.Key}={one.Value}")).Prepend($"{span.DisplayName} {span.StatusDescription}"))),
        };
        ActivitySource.AddActivityListener(listener);
        await using var upstream = await FakeUpstream.Start();
        upstream.Behave((http, n) => n % 2 == 0 ? FakeUpstream.Json(http, $$$"""{"error":{"message":"not with {{{Key}}}"}}""", 401) : FakeUpstream.Json(http, FakeUpstream.Answer));
        await using var fabric = await FabricHost.StartDurable(servers, await servers.NewDatabase());
        await fabric.Use(upstream, Key);
        for (var n = 0; n < 4; n++)
        {
            using var response = await fabric.Chat(FabricHost.Ask(stream: n > 1));
            await response.Content.ReadAsStringAsync();
        }

        Assert.Contains(told, span => span.Contains("chat up/real", StringComparison.Ordinal));
        Assert.DoesNotContain(told, span => span.Contains("canary", StringComparison.Ordinal));
    }

    [Fact]
    public async Task No_process_file_or_printed_line_of_the_service_holds_a_key_and_a_proxy_of_the_environment_sees_no_local_call()
    {
        await using var upstream = await FakeUpstream.Start();
        upstream.Behave((http, n) => n % 2 == 0 ? FakeUpstream.Json(http, $$$"""{"error":{"message":"not with {{{http.Request.Headers.Authorization}}}"}}""", 400) : FakeUpstream.Json(http, FakeUpstream.Answer));
        var folder = Directory.CreateTempSubdirectory("fabric-service-").FullName;
        var secrets = Directory.CreateTempSubdirectory("fabric-secrets-").FullName;
        await File.WriteAllTextAsync(Path.Combine(secrets, "key"), Key);
        await File.WriteAllBytesAsync(Path.Combine(secrets, "master"), new byte[32]);
        File.SetUnixFileMode(Path.Combine(secrets, "master"), UnixFileMode.UserRead | UnixFileMode.UserWrite);
        // Every message on the bus, also those of which a stream keeps a copy.
        using var bus = new ConnectionFactory().CreateConnection(servers.Nats.Url);
        var messages = new ConcurrentQueue<string>();
        using var all = bus.SubscribeAsync(">", (_, message) => messages.Enqueue($"{message.Message.Subject} {Encoding.UTF8.GetString(message.Message.Data)}"));
        bus.Flush();
        // Nobody listens where the proxy is said to be.
        using var service = Process.Start(ServiceProcess.Of(servers, folder, await servers.NewDatabase(),
        [
            ("ModelFabric:Providers:filed:BaseUrl", upstream.BaseUrl), ("ModelFabric:Providers:filed:KeyFile", Path.Combine(secrets, "key")), ("ModelFabric:Upstream:UseSystemProxy", "true"),
            ("DOTNET_DbgEnableMiniDump", "1"), ("DOTNET_EnableCrashReportOnly", "1"), ("DOTNET_DbgMiniDumpName", Path.Combine(folder, "died.%p")), ("HTTP_PROXY", "http://127.0.0.1:9"), ("AGENTPLATFORM_MASTER_KEY_FILE", Path.Combine(secrets, "master")),
        ]))!;
        try
        {
            using var http = new HttpClient(new SocketsHttpHandler { UseProxy = false }) { BaseAddress = await ServiceProcess.Listening(service) };
            http.DefaultRequestHeaders.Authorization = new("Bearer", FabricHost.Token("owner"));
            using var put = await http.PutAsJsonAsync("/admin/providers/up", new { kind = "openai", baseUrl = upstream.BaseUrl, models = new[] { "real" }, key = Key });
            using var own = await http.PutAsJsonAsync("/admin/providers/up/keys/owner", new { key = Own });
            Assert.Equal((HttpStatusCode.Created, HttpStatusCode.OK), (put.StatusCode, own.StatusCode));
            var told = "";
            foreach (var model in (string[])["up/real", "filed/real", "up/real", "filed/real"])
            {
                using var response = await http.PostAsync("/v1/chat/completions", new StringContent(FabricHost.Ask(model), Encoding.UTF8, "application/json"));
                told += await response.Content.ReadAsStringAsync();
            }
            Assert.Equal([$"Bearer {Own}", $"Bearer {Key}", $"Bearer {Own}", $"Bearer {Key}"], upstream.Requests.Select(request => request.Headers["Authorization"]));

            var processes = Family(service.Id).ToArray();
            Assert.NotEmpty(processes);
            foreach (var id in processes)
            {
                told += await File.ReadAllTextAsync($"/proc/{id}/environ") + await File.ReadAllTextAsync($"/proc/{id}/cmdline");
            }
            Assert.Contains("HTTP_PROXY", told, StringComparison.Ordinal);
            await Eventually.True(() => Task.FromResult(messages.Any(message => message.Contains("model-called", StringComparison.Ordinal) && message.Contains("filed/real", StringComparison.Ordinal))), "the calls on the bus");
            told += string.Join('\n', messages);
            // It dies as a bug in the runtime would make it die, and tells what it tells then.
            Assert.Equal(0, kill(service.Id, SignalAbort));
            await Eventually.True(async () => Directory.EnumerateFiles(folder, "*.crashreport.json").FirstOrDefault() is { } report && (await File.ReadAllTextAsync(report)).TrimEnd() is ['{', .., '}'], "a whole crash report");
            service.Kill();
            told += await service.StandardOutput.ReadToEndAsync();
            foreach (var file in Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories))
            {
                told += await File.ReadAllTextAsync(file);
            }
            Assert.DoesNotContain("canary", told, StringComparison.Ordinal);
        }
        finally
        {
            service.Kill(entireProcessTree: true);
            await service.WaitForExitAsync();
            Directory.Delete(folder, recursive: true);
            Directory.Delete(secrets, recursive: true);
        }
    }

    private const int SignalAbort = 6;

    [DllImport("libc")]
    private static extern int kill(int process, int signal);

    /// <summary>A process and all that descend from it.</summary>
    private static IEnumerable<int> Family(int id) =>
        Directory.EnumerateDirectories($"/proc/{id}/task").SelectMany(thread => File.ReadAllText($"{thread}/children").Split(' ', StringSplitOptions.RemoveEmptyEntries))
            .SelectMany(child => Family(int.Parse(child))).Prepend(id);
}
