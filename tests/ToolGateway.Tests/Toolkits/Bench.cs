using System.Text.Json;
using AgentPlatform.ToolGateway.Sandbox;
using AgentPlatform.ToolGateway.Toolkits;
using AgentPlatform.ToolGateway.Toolkits.Documents;
using AgentPlatform.ToolGateway.Workspaces;

namespace AgentPlatform.ToolGateway.Tests.Toolkits;

/// <summary>A workspace with all built-in tools, called by name with JSON, as the gateway will.</summary>
public sealed class Bench : IDisposable
{
    private readonly TestFolder folder = new();
    private readonly Confinement confinement = new(TimeProvider.System);
    private readonly Dictionary<string, ITool> tools;

    public Bench(PdfOptions? pdf = null)
    {
        Workspace = Workspace.Open(folder.Of("workspace"));
        Tools = BuiltInTools.All(confinement, pdf: pdf);
        tools = Tools.ToDictionary(tool => tool.Spec.FullName);
    }

    public Workspace Workspace { get; }
    public IReadOnlyList<ITool> Tools { get; }

    public Task<ToolOutput> Call(string tool, object arguments) =>
        Call(tool, JsonSerializer.SerializeToElement(arguments));

    public Task<ToolOutput> Call(string tool, JsonElement arguments, CancellationToken ct = default) =>
        tools[tool].Run(new ToolCall { Invocation = Guid.CreateVersion7(), Arguments = arguments, Workspace = Workspace }, ct);

    /// <summary>Calls and expects success.</summary>
    public async Task<JsonElement> Do(string tool, object arguments)
    {
        var output = await Call(tool, arguments);
        Assert.True(output.Failure is null, output.Failure?.Message);
        return output.Content;
    }

    /// <summary>Calls and expects a failure of a class.</summary>
    public async Task<string> Fails(string tool, object arguments, string failureClass)
    {
        var output = await Call(tool, arguments);
        Assert.Equal(failureClass, output.Failure?.Class);
        return output.Failure!.Message;
    }

    public Task Put(string path, byte[] bytes) => Workspace.WriteAtomic(path, stream => stream.WriteAsync(bytes).AsTask());

    public Task Put(string path, string text) => Workspace.WriteText(path, text, default);

    public Task<string> Text(string path) => Workspace.ReadText(path, 16 * 1024 * 1024, default);

    public void Dispose()
    {
        Workspace.Dispose();
        confinement.Dispose();
        folder.Dispose();
    }
}

