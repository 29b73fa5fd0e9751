using AgentPlatform.ToolGateway.Workspaces;

namespace AgentPlatform.ToolGateway.Sandbox;

/// <summary>HOME and TMPDIR of one call: a folder of its own in the workspace, gone afterwards.</summary>
internal sealed class ScratchFolder : IDisposable
{
    private readonly Workspace workspace;
    private readonly string call;

    private ScratchFolder(Workspace workspace, string call) => (this.workspace, this.call) = (workspace, call);

    public string Path => System.IO.Path.Combine(workspace.Root, WorkspacePath.Scratch, call);

    public static ScratchFolder Make(Workspace workspace, string call)
    {
        workspace.MakeScratch(call);
        return new(workspace, call);
    }

    public void Dispose() => workspace.DeleteScratch(call);
}
