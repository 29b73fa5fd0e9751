using System.Runtime.CompilerServices;
using System.Text.Json;
using AgentPlatform.Contracts;
using AgentPlatform.Testing;
using AgentPlatform.ToolGateway.Invocations;
using AgentPlatform.ToolGateway.Mcp;
using AgentPlatform.ToolGateway.Tests.Invocations;

namespace AgentPlatform.ToolGateway.Tests.Mcp;

/// <summary>A gateway whose policy allows everything, and MCP servers behind it.</summary>
internal sealed class McpHost : IAsyncDisposable
{
    private readonly TestFolder _folder = new();

    private McpHost(GatewayHost gateway) => Gateway = gateway;

    public GatewayHost Gateway { get; }

    /// <summary>What the probe did, in order.</summary>
    public IReadOnlyList<string> Effects => File.Exists(_folder.Of("effects")) ? File.ReadAllLines(_folder.Of("effects")) : [];

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    public static async Task<McpHost> Start(Servers servers, Microsoft.Extensions.Logging.ILoggerProvider? log = null)
    {
        Assert.SkipWhen(NpmPackages.Missing is not null, NpmPackages.Missing ?? "");
        var gateway = await GatewayHost.Start(servers, log, new ProbeTool());
        await gateway.Policy.Set("rules: [{ name: all, tools: ['*'], verdict: allow, because: because }]", "test", expected: null, Ct);
        return new McpHost(gateway);
    }

    /// <summary>The server of this folder, as <c>probe-server</c>.</summary>
    public Task AddProbe(bool trusted = false, object? env = null) => Add("probe-server", new
    {
        command = "node", args = new[] { Script("probe.mjs") }, trusted, env = env ?? new { PROBE = _folder.Path }, sandbox = new { writable = new[] { _folder.Path } },
    });

    /// <summary>A program of this folder where the user that servers run as can read it; what it is to write to, every user may.</summary>
    public string Script(string name) => Script(_folder, name);

    /// <summary>The same in a folder of the test.</summary>
    public static string Script(TestFolder folder, string name)
    {
        File.SetUnixFileMode(folder.Path, (UnixFileMode)0b111_111_111);
        Directory.CreateDirectory(folder.Of("programs"));
        File.Copy(Path.Combine(Here(), name), folder.Of($"programs/{name}"), overwrite: true);
        return folder.Of($"programs/{name}");
    }

    public string Folder => _folder.Path;

    public Task Add(string name, object entry) => Gateway.McpServers.Set([(name, ReadMcpServers.One(name, JsonSerializer.SerializeToElement(entry)))], "ann", Ct);

    /// <summary>Calls a tool in a run and a workspace of their own, and waits for the end.</summary>
    public async Task<ToolOutcome> Call(string tool, object? arguments = null, double? timeoutSeconds = null) => (await Gateway.Ended(await Begin(tool, arguments, timeoutSeconds))).Outcome;

    public async Task<InvocationId> Begin(string tool, object? arguments = null, double? timeoutSeconds = null)
    {
        var call = Story.Call with { Invocation = InvocationId.New(), Run = RunId.New(), Workspace = WorkspaceId.New(), Tool = tool, Arguments = JsonSerializer.SerializeToElement(arguments ?? new { }), TimeoutSeconds = timeoutSeconds };
        await Gateway.Send(call);
        return call.Invocation;
    }

    public Task<McpServerView> View(string name = "probe-server") => Gateway.Mcp.View(name, Ct);

    public async Task<IReadOnlyList<string>> Tools(string server)
    {
        await Gateway.Mcp.ReadyAll(starts: true, Ct);
        return [.. Gateway.Registry.Views.Where(v => v.Name.StartsWith(server + ".", StringComparison.Ordinal)).Select(v => v.Id)];
    }

    public async ValueTask DisposeAsync()
    {
        await Gateway.DisposeAsync();
        _folder.Dispose();
    }

    public static string Here([CallerFilePath] string here = "") => Path.GetDirectoryName(here)!;
}
