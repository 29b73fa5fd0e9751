using System.Text;
using AgentPlatform.ToolGateway.Sandbox;
using AgentPlatform.ToolGateway.Workspaces;

namespace AgentPlatform.ToolGateway.Tests.Sandbox;

/// <summary>A workspace and a sandbox with real processes.</summary>
public sealed class ConfinementFixture : IDisposable
{
    public ConfinementFixture()
    {
        Workspace = Workspace.Open(Folder.Of("workspace"));
        Confinement = new Confinement(TimeProvider.System);
    }

    public TestFolder Folder { get; } = new();
    public Workspace Workspace { get; }
    public Confinement Confinement { get; }

    public async Task<SandboxResult.Ended> Sh(string script, SandboxPlan? plan = null, string input = "", Action<OutputLine>? onLine = null, CancellationToken ct = default)
    {
        var result = await Run(["/bin/sh", "-c", script], plan, input, onLine, ct);
        return Assert.IsType<SandboxResult.Ended>(result);
    }

    public Task<SandboxResult> Run(string[] arguments, SandboxPlan? plan = null, string input = "", Action<OutputLine>? onLine = null, CancellationToken ct = default) =>
        Confinement.Run(
            new SandboxCommand { Arguments = arguments, Workspace = Workspace, Input = Encoding.UTF8.GetBytes(input), OnLine = onLine },
            plan ?? SandboxPlan.Locked, ct);

    public void Dispose()
    {
        Confinement.Dispose();
        Workspace.Dispose();
        Folder.Dispose();
    }
}
