using Microsoft.Extensions.FileSystemGlobbing;
using Microsoft.Win32.SafeHandles;

namespace AgentPlatform.ToolGateway.Workspaces;

/// <summary>A page of a listing, in ordinal order; <see cref="Total"/> counts what matched, also beyond the page.</summary>
public sealed record FileListing(IReadOnlyList<ListedFile> Files, int Total);

/// <summary>A regular file in the workspace.</summary>
public sealed record ListedFile(string Path, long Bytes);

public sealed partial class Workspace
{
    /// <summary>Regular files whose path fits the glob (<c>**/*.md</c>), at most <paramref name="max"/>. Symlinks are neither followed nor listed.</summary>
    public FileListing List(string glob, int max)
    {
        if (string.IsNullOrWhiteSpace(glob)) glob = "**/*";
        if (glob.StartsWith('/') || glob.Split('/').Contains(".."))
            throw new WorkspaceRefusedException(RefusalKind.InvalidPath, $"Glob '{glob}' points outside the workspace; use a relative one such as out/**/*.md.");

        var found = new List<string>();
        Walk("", depth: 0, found);
        var matcher = new Matcher(StringComparison.Ordinal).AddInclude(glob);
        var matches = matcher.Match(found).Files.Select(match => match.Path).Order(StringComparer.Ordinal).ToList();
        // A file that a running tool deleted since the walk is left out, as if the walk had come a moment later.
        return new([.. matches.Take(max).Select(Measure).OfType<ListedFile>()], matches.Count);
    }

    private ListedFile? Measure(string path)
    {
        var (file, _) = Beneath.TryOpen(root, path, Beneath.PathOnly | Beneath.NoFollow);
        using (file) return file is null ? null : new(path, Beneath.Facts(file).Bytes);
    }

    private void Walk(string folder, int depth, List<string> found)
    {
        if (depth > options.PathDepthMax) return; // Deeper files cannot be named by any path of ours either.
        var (handle, _) = Beneath.TryOpen(root, folder.Length == 0 ? "." : folder, Beneath.ReadOnly | Beneath.Folder | Beneath.NoFollow);
        if (handle is null) return;
        using (handle)
        {
            foreach (var (name, kind) in Beneath.Entries(handle, options.EntriesWalkedMax))
            {
                if (depth == 0 && name == WorkspacePath.Scratch) continue;
                if (name.StartsWith(TemporaryPrefix, StringComparison.Ordinal)) continue;
                var path = folder.Length == 0 ? name : $"{folder}/{name}";
                var (isFile, isFolder) = KindOf(handle, name, kind);
                if (isFolder) Walk(path, depth + 1, found);
                if (!isFile) continue;
                found.Add(path);
                if (found.Count > options.EntriesWalkedMax)
                    throw new WorkspaceRefusedException(RefusalKind.TooLarge, $"The workspace holds more than {options.EntriesWalkedMax} files; delete what is not needed.");
            }
        }
    }

    private static (bool IsFile, bool IsFolder) KindOf(SafeFileHandle folder, string name, byte kind)
    {
        const byte unknown = 0, isFolder = 4, isFile = 8;
        if (kind != unknown) return (kind == isFile, kind == isFolder);
        // Some file systems do not tell the kind in the listing.
        var (entry, _) = Beneath.TryOpen(folder, name, Beneath.PathOnly | Beneath.NoFollow);
        if (entry is null) return (false, false);
        using (entry)
        {
            var facts = Beneath.Facts(entry);
            return (facts.IsFile, facts.IsFolder);
        }
    }
}
