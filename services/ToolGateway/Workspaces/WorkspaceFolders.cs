using AgentPlatform.Contracts;

namespace AgentPlatform.ToolGateway.Workspaces;

/// <summary>Where workspaces are: one folder each below <c>AGENTPLATFORM_WORKSPACES</c>, else below <c>workspaces</c> in the data folder.</summary>
/// <param name="root">Absolute path of the folder of all workspaces.</param>
/// <param name="options">Bounds of each.</param>
public sealed class WorkspaceFolders(string root, WorkspaceOptions options)
{
    public static WorkspaceFolders From(IConfiguration configuration)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        var root = configuration["AGENTPLATFORM_WORKSPACES"] is { Length: > 0 } workspaces ? workspaces
            : configuration["AGENTPLATFORM_DATA"] is { Length: > 0 } data ? Path.Combine(data, "workspaces")
            : throw new InvalidOperationException("Neither AGENTPLATFORM_WORKSPACES nor AGENTPLATFORM_DATA names a folder for workspaces; start the service through the AppHost, or set one");
        return new WorkspaceFolders(Path.GetFullPath(root), configuration.GetSection("ToolGateway:Workspaces").Get<WorkspaceOptions>() ?? new WorkspaceOptions());
    }

    /// <summary>Opens a workspace, making it if needed.</summary>
    public Workspace Open(WorkspaceId id) => Workspace.Open(Path.Combine(root, id.ToString()), options);

    /// <summary>Whether anything was ever put there.</summary>
    public bool Exists(WorkspaceId id) => Directory.Exists(Path.Combine(root, id.ToString()));
}
