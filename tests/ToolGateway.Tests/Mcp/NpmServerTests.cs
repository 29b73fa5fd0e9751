using AgentPlatform.Contracts;
using AgentPlatform.Provisioning.Processes;
using AgentPlatform.Testing;
using static AgentPlatform.ToolGateway.Tests.Mcp.McpServerTests;

namespace AgentPlatform.ToolGateway.Tests.Mcp;

/// <summary>Servers that others wrote, behind the gateway.</summary>
public sealed class NpmServerTests(Servers servers) : IClassFixture<Servers>
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task The_everything_server_over_stdio()
    {
        await using var host = await McpHost.Start(servers);
        await host.Add("everything", new { command = "node", args = new[] { await Program("server-everything", host), "stdio" } });

        await SaysEverything(host);
    }

    [Fact]
    public async Task The_everything_server_over_streamable_http()
    {
        await using var host = await McpHost.Start(servers);
        var port = LoopbackPorts.Next();
        await using var server = ChildProcess.Start(new ChildProcessStart("node", [await Program("server-everything", host), "streamableHttp"])
        {
            WorkingDirectory = host.Folder, Environment = new Dictionary<string, string?> { ["PORT"] = $"{port}" },
        });
        using var http = new HttpClient();
        await Eventually.True(async () => await Listens(http, port), "the server listens");
        await host.Add("everything", new { url = $"http://127.0.0.1:{port}/mcp" });

        await SaysEverything(host);
    }

    [Fact]
    public async Task The_filesystem_server_reads_and_writes_below_its_folder_only()
    {
        await using var host = await McpHost.Start(servers);
        var folder = Shared(host);
        await host.Add("filesystem", new { command = "node", args = new[] { await Program("server-filesystem", host), folder }, sandbox = new { writable = new[] { folder } } });

        Assert.Equal(ToolOutcomeStatus.Completed, (await host.Call("filesystem.write_file", new { path = $"{folder}/a.txt", content = "written" })).Status);
        Assert.Equal("written", Text(await host.Call("filesystem.read_text_file", new { path = $"{folder}/a.txt" })));
        Assert.Equal(ToolOutcomeStatus.Failed, (await host.Call("filesystem.read_text_file", new { path = $"{host.Folder}/b.txt" })).Status);
        Assert.Equal("written", await File.ReadAllTextAsync(Path.Combine(folder, "a.txt"), Ct));
    }

    [Fact]
    public async Task The_memory_server_remembers_over_its_own_death()
    {
        await using var host = await McpHost.Start(servers);
        await host.Add("memory", new { command = "node", args = new[] { await Program("server-memory", host) }, env = new { MEMORY_FILE_PATH = Path.Combine(Shared(host), "memory.jsonl") }, sandbox = new { writable = new[] { Shared(host) } } });

        await host.Call("memory.create_entities", new { entities = new[] { new { name = "gateway", entityType = "service", observations = new[] { "remembers" } } } });
        await host.Gateway.Restart("memory");

        Assert.Contains("remembers", Text(await host.Call("memory.read_graph")), StringComparison.Ordinal);
    }

    private static async Task SaysEverything(McpHost host)
    {
        Assert.Contains("everything.echo@1", await host.Tools("everything"));
        Assert.Equal("Echo: hello", Text(await host.Call("everything.echo", new { message = "hello" })));
        Assert.Equal("invalid_arguments", (await host.Call("everything.echo", new { message = 1 })).Error?.Class);
    }

    private static string Shared(McpHost host)
    {
        var folder = Directory.CreateDirectory(Path.Combine(host.Folder, "shared")).FullName;
        File.SetUnixFileMode(folder, (UnixFileMode)0b111_111_111);
        return folder;
    }

    // Copied where the user that servers run as can read it: the cache is in the home of whoever runs the tests.
    private static async Task<string> Program(string package, McpHost host)
    {
        var cache = await NpmPackages.Ensure(McpHost.Here(), Ct);
        var folder = Path.Combine(host.Folder, "packages");
        await NpmPackages.Run("sh", ["-c", "cp -al \"$0\" \"$1\" || cp -a \"$0\" \"$1\"", cache, folder], host.Folder, Ct);
        return Path.Combine(folder, "node_modules", "@modelcontextprotocol", package, "dist", "index.js");
    }

    private static async Task<bool> Listens(HttpClient http, int port)
    {
        try
        {
            using var response = await http.GetAsync($"http://127.0.0.1:{port}/mcp", Ct);
            return true;
        }
        catch (HttpRequestException)
        {
            return false;
        }
    }
}
