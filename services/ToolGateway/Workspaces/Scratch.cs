using Microsoft.Win32.SafeHandles;

namespace AgentPlatform.ToolGateway.Workspaces;

public sealed partial class Workspace
{
    private const int RemoveFolder = 0x200;

    internal void MakeScratch(string name)
    {
        using var scratch = MakeFolder(root, WorkspacePath.Scratch);
        using var own = MakeFolder(scratch, name);
    }

    /// <summary>Deletes a call's temp folder by open folders only: a path could be turned into a link by a process that is still there.</summary>
    internal void DeleteScratch(string name)
    {
        var (scratch, _) = Beneath.TryOpen(root, WorkspacePath.Scratch, Beneath.ReadOnly | Beneath.Folder | Beneath.NoFollow);
        if (scratch is null) return;
        using (scratch) DeleteTree(scratch, name, depth: 0);
    }

    private void DeleteTree(SafeFileHandle parent, string name, int depth)
    {
        if (depth > options.PathDepthMax) return; // What lies deeper stays until the run's workspace is deleted.
        var (folder, _) = Beneath.TryOpen(parent, name, Beneath.ReadOnly | Beneath.Folder | Beneath.NoFollow);
        if (folder is null) return;
        using (folder)
        {
            foreach (var (entry, _) in Beneath.Entries(folder, options.EntriesWalkedMax))
            {
                if (Beneath.Unlink(folder, entry, 0) != 0) DeleteTree(folder, entry, depth + 1);
            }
        }
        _ = Beneath.Unlink(parent, name, RemoveFolder);
    }

    private SafeFileHandle MakeFolder(SafeFileHandle parent, string name)
    {
        var made = Beneath.MakeFolder(parent, name, FolderMode) == 0;
        var folder = Beneath.Open(parent, name, Beneath.ReadOnly | Beneath.Folder | Beneath.NoFollow);
        if (made) GiveAway(folder);
        return folder;
    }
}
