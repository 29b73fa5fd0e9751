namespace AgentPlatform.AppHost.Data;

/// <summary>
/// The folder of all workspaces. Under root, tools run as users of their own, who cannot pass a data folder of mode 0700: then the workspaces are below a
/// shared folder that everybody may pass and only root may list, and the data folder holds a link to it.
/// </summary>
internal static class WorkspacesFolder
{
    private const UnixFileMode PassOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute | UnixFileMode.GroupExecute | UnixFileMode.OtherExecute;

    /// <param name="data">The data folder.</param>
    /// <param name="say">Told where they are when that is elsewhere.</param>
    public static void Prepare(DataFolder data, Action<string> say)
    {
        var workspaces = data.At("workspaces");
        if (!OperatingSystem.IsLinux() || !Environment.IsPrivilegedProcess || Directory.Exists(workspaces))
        {
            return;
        }

        var shared = Environment.GetEnvironmentVariable("AGENTPLATFORM_SHARED") is { Length: > 0 } own ? own : "/var/lib/agentplatform";
        var target = Path.Combine(shared, data.Instance, "workspaces");
        Directory.CreateDirectory(target, PassOnly);

        // A link whose target is gone stays behind when somebody empties the shared folder.
        File.Delete(workspaces);
        Directory.CreateSymbolicLink(workspaces, target);
        say($"tools run as users of their own, who cannot pass {data.Path}: workspaces are in {target}");
    }
}
