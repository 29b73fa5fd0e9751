using AgentPlatform.Contracts;

namespace AgentPlatform.ToolGateway.Workspaces;

/// <summary>Where workspaces are: one folder each below <c>workspaces</c> in the data folder.</summary>
/// <param name="root">Absolute path of the folder of all workspaces.</param>
/// <param name="options">Bounds of each.</param>
public sealed class WorkspaceFolders(string root, WorkspaceOptions options)
{
    public static WorkspaceFolders From(IConfiguration configuration)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        var root = configuration["AGENTPLATFORM_DATA"] is { Length: > 0 } data
            ? Path.Combine(data, "workspaces")
            : throw new InvalidOperationException("AGENTPLATFORM_DATA names no data folder; start the service through the AppHost, or set it");
        Directory.CreateDirectory(root); // The AppHost has made it, or a link; a gateway that runs alone makes it itself.
        return new WorkspaceFolders(Path.GetFullPath(root), configuration.GetSection("ToolGateway:Workspaces").Get<WorkspaceOptions>() ?? new WorkspaceOptions());
    }

    // Tools may run as a user who cannot pass the data folder; then the AppHost has put the workspaces elsewhere and left a link.
    private readonly string _root = Directory.ResolveLinkTarget(root, returnFinalTarget: true)?.FullName ?? root;

    /// <summary>Opens a workspace, making it if needed.</summary>
    public Workspace Open(WorkspaceId id) => Workspace.Open(Path.Combine(_root, id.ToString()), options);

    /// <summary>Whether anything was ever put there.</summary>
    public bool Exists(WorkspaceId id) => Directory.Exists(Path.Combine(_root, id.ToString()));
}
