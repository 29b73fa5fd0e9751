using System.Globalization;
using System.Net.Http.Json;
using System.Runtime.CompilerServices;
using AgentPlatform.Provisioning.Processes;
using AgentPlatform.Testing;
using ModelContextProtocol.Client;

namespace AgentPlatform.Benchmarks.Tools;

/// <summary>
/// What a gateway adds to a call of an MCP tool: <c>echo</c> of npm <c>server-everything</c> over stdio and over streamable HTTP, directly, through ToolGateway's
/// <c>/mcp</c> (with policy, ledger and, for stdio, its sandbox), and through npm <c>mcp-proxy</c> and <c>supergateway</c>, which only carry it. All share the
/// cores, so the figures are for comparison.
/// </summary>
internal static class McpLatency
{
    public static async Task Run(BenchmarkRun run)
    {
        if (NpmPackages.Missing is { } missing)
        {
            run.Row("not run | why", "mcp", missing);
            return;
        }

        var folder = Directory.CreateTempSubdirectory("benchmark-mcp-").FullName;
        // Under root, servers run as users of their own, who must be able to read the packages.
        File.SetUnixFileMode(folder, (UnixFileMode)0b111_001_001);
        try
        {
            var modules = await Packages(folder);
            var everything = $"{modules}/@modelcontextprotocol/server-everything/dist/index.js";
            await using var gateway = await GatewayProcess.ToolGateway(run, Directory.CreateDirectory(Path.Combine(folder, "data")).FullName);
            await using var server = await Listening("server-everything", port => [everything, "streamableHttp"]);
            await using var proxy = run.IsSmall ? null : await Listening("mcp-proxy", port => [Bin(modules, "mcp-proxy"), "--host", "127.0.0.1", "--port", port, "--server", "stream", "--", "node", everything, "stdio"]);
            await using var super = run.IsSmall ? null : await Listening(
                "supergateway", port => [Bin(modules, "supergateway"), "--stdio", $"node {everything} stdio", "--outputTransport", "streamableHttp", "--stateful", "--port", port, "--logLevel", "none"]);
            await Put(gateway, "/v1/policy", new { policy = "rules: [{ name: mcp, tools: ['piped.*', 'served.*'], verdict: allow, because: is measured }]" });
            await Put(gateway, "/v1/mcp-servers/piped", new { command = "node", args = (string[])[everything, "stdio"], trusted = true });
            await Put(gateway, "/v1/mcp-servers/served", new { url = $"{server.Url}/mcp", trusted = true });

            await using var piped = await McpClient.CreateAsync(new StdioClientTransport(new() { Command = "node", Arguments = [everything, "stdio"] }));
            await using var served = await Session.Open(server.Http, "echo");
            await using var throughPiped = await Session.Open(gateway.Http, "piped.echo");
            await using var throughServed = await Session.Open(gateway.Http, "served.echo");
            await using var throughProxy = proxy is null ? null : await Session.Open(proxy.Http, "echo");
            await using var throughSuper = super is null ? null : await Session.Open(super.Http, "echo");
            (string Name, Func<Task> Call, GatewayProcess? Process)[] ways =
            [
                ("direct: stdio", async () => await piped.CallToolAsync("echo", new Dictionary<string, object?> { ["message"] = "hello" }), null),
                ("ToolGateway: stdio", throughPiped.Call, gateway),
                // Where only a moment is wanted, what is not ours is left out: it costs most of the time.
                .. throughProxy is null || throughSuper is null ? [] : ((string, Func<Task>, GatewayProcess?)[])[("mcp-proxy: stdio", throughProxy.Call, proxy), ("supergateway, stateful: stdio", throughSuper.Call, super)],
                ("direct: streamable HTTP", served.Call, null),
                ("ToolGateway: streamable HTTP", throughServed.Call, gateway),
            ];
            var idle = ways.Select(way => way.Process?.Megabytes.Now).ToArray();
            foreach (var way in ways)
            {
                await Warm.Up(run, way.Call);
            }

            foreach (var callers in (int[])[1, 64])
            {
                var samples = ways.Select(_ => (Sample: new Sample(), Processor: 0.0)).ToArray();
                for (var round = 0; round < run.Rounds; round++)
                {
                    for (var n = 0; n < ways.Length; n++)
                    {
                        var before = ways[n].Process?.Processor ?? TimeSpan.Zero;
                        await samples[n].Sample.Add(callers, run.Duration / 2, 1, (_, _) => ways[n].Call());
                        samples[n].Processor += ((ways[n].Process?.Processor ?? TimeSpan.Zero) - before).TotalMicroseconds;
                    }
                }

                for (var n = 0; n < ways.Length; n++)
                {
                    run.Latencies($"{ways[n].Name}, {callers} callers{(ways[n].Process is null ? "" : $", {Number(samples[n].Processor / samples[n].Sample.Count)} µs of CPU each")}", samples[n].Sample);
                }
            }

            foreach (var (process, before) in ways.Zip(idle).Where(way => way.First.Process is not null).Select(way => (way.First.Process!, way.Second!.Value)).DistinctBy(way => way.Item1))
            {
                run.Row("memory of the process | idle MB | after the load MB | at most MB", process.Name, Number(before), Number(process.Megabytes.Now), Number(process.Megabytes.Peak));
            }

            async Task<GatewayProcess> Listening(string name, Func<string, string[]> arguments)
            {
                var port = LoopbackPorts.Next();
                return await GatewayProcess.Listening(name, folder, port, arguments($"{port}"));
            }
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static async Task<string> Packages(string folder)
    {
        var cache = await NpmPackages.Ensure(Path.Combine(Here(), "Npm"), CancellationToken.None);
        var packages = Path.Combine(folder, "packages");
        await NpmPackages.Run("sh", ["-c", "cp -al \"$0\" \"$1\" || cp -a \"$0\" \"$1\"", cache, packages], folder, CancellationToken.None);
        return Path.Combine(packages, "node_modules");
    }

    private static string Bin(string modules, string name) => File.ResolveLinkTarget(Path.Combine(modules, ".bin", name), returnFinalTarget: true)!.FullName;

    private static async Task Put(GatewayProcess gateway, string path, object body)
    {
        using var response = await gateway.Http.PutAsJsonAsync(path, body);
        if (!response.IsSuccessStatusCode)
        {
            throw new InvalidOperationException($"PUT {path} was answered {response.StatusCode}: {await response.Content.ReadAsStringAsync()}");
        }
    }

    private static string Number(double value) => value.ToString("0", CultureInfo.InvariantCulture);

    private static string Here([CallerFilePath] string here = "") => Path.GetDirectoryName(here)!;
}
