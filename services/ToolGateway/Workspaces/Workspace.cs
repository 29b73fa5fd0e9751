using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace AgentPlatform.ToolGateway.Workspaces;

/// <summary>User and group that tools of a workspace run as when the gateway runs as root.</summary>
[StructLayout(LayoutKind.Auto)]
public readonly record struct WorkspaceOwner(uint User, uint Group);

/// <summary>A file as found: its normalised path, size and content hash (lower-case hex SHA-256).</summary>
public sealed record HashedFile(string Path, long Bytes, string Sha256);

/// <summary>
/// The folder of one run. Every path is relative to it and opened beneath it by the kernel; a write replaces a file whole or not at all,
/// so that doing it twice is harmless.
/// </summary>
/// <remarks>Does not promise isolation between tools of the same run: they share the folder and, under a root gateway, the user id.</remarks>
public sealed partial class Workspace : IDisposable
{
    private const uint FolderMode = 0x1C0, FileMode = 0x1A0; // 0700 and 0640: nothing for other users.
    private readonly SafeFileHandle root;
    private readonly WorkspaceOptions options;

    private Workspace(string path, SafeFileHandle folder, WorkspaceOptions options, WorkspaceOwner? owner) =>
        (Root, this.root, this.options, Owner) = (path, folder, options, owner);

    /// <summary>Absolute path of the folder.</summary>
    public string Root { get; }

    /// <summary>Who tools run as; null when the gateway is not root and tools run as the gateway's own user.</summary>
    public WorkspaceOwner? Owner { get; }

    /// <summary>Opens the workspace, creating the folder where it is missing. The same folder always has the same owner.</summary>
    public static Workspace Open(string path, WorkspaceOptions? options = null)
    {
        options ??= new WorkspaceOptions();
        path = Path.GetFullPath(path);
        Directory.CreateDirectory(path);
        var folder = Beneath.OpenAnywhere(path);
        try
        {
            WorkspaceOwner? owner = null;
            if (Beneath.EffectiveUser() == 0)
            {
                var facts = Beneath.Facts(folder);
                owner = facts.User != 0 ? new(facts.User, facts.Group) : ShareOut(path, options);
                if (facts.User == 0 && Beneath.ChangeOwner(folder, owner.Value.User, owner.Value.Group) != 0) throw Beneath.LastError("fchown");
            }
            if (Beneath.ChangeMode(folder, FolderMode) != 0) throw Beneath.LastError("fchmod");
            return new(path, folder, options, owner);
        }
        catch
        {
            folder.Dispose();
            throw;
        }
    }

    /// <summary>Opens a regular file for reading. Refuses folders, pipes and devices, and files over the size bound.</summary>
    public FileStream OpenRead(string path)
    {
        var parsed = WorkspacePath.Parse(path, options);
        // Without O_NONBLOCK a named pipe left by a tool would hold the gateway's thread for ever.
        var file = Beneath.Open(root, parsed.Value, Beneath.ReadOnly | Beneath.NonBlocking);
        try
        {
            var facts = Beneath.Facts(file);
            if (!facts.IsFile) throw new WorkspaceRefusedException(RefusalKind.NotAFile, $"'{parsed}' is not a regular file; name a file.");
            if (facts.Bytes > options.FileBytesMax)
                throw new WorkspaceRefusedException(RefusalKind.TooLarge, $"'{parsed}' has {facts.Bytes} bytes, the bound is {options.FileBytesMax}; split it.");
            return new FileStream(file, FileAccess.Read, bufferSize: 16 * 1024, isAsync: false);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>True when the path names a regular file beneath the workspace.</summary>
    public bool Exists(string path)
    {
        var parsed = WorkspacePath.Parse(path, options);
        var (file, _) = Beneath.TryOpen(root, parsed.Value, Beneath.PathOnly);
        using (file) return file is not null && Beneath.Facts(file).IsFile;
    }

    /// <summary>Reads a whole text file (UTF-8, a byte order mark is dropped) of at most <paramref name="bytesMax"/> bytes.</summary>
    public async Task<string> ReadText(string path, long bytesMax, CancellationToken ct)
    {
        await using var file = OpenRead(path);
        if (file.Length > bytesMax)
            throw new WorkspaceRefusedException(RefusalKind.TooLarge, $"'{path}' has {file.Length} bytes, this reads at most {bytesMax}; read a part of it or split it.");
        using var reader = new StreamReader(file, Encoding.UTF8);
        return await reader.ReadToEndAsync(ct);
    }

    /// <summary>Writes a text file whole, as UTF-8 without a byte order mark.</summary>
    public Task<HashedFile> WriteText(string path, string text, CancellationToken ct) =>
        WriteAtomic(path, stream => stream.WriteAsync(Encoding.UTF8.GetBytes(text), ct).AsTask(), ct);

    /// <summary>Writes beside the target, syncs, then renames over it: readers see the old file or the new one, never half of one.</summary>
    public async Task<HashedFile> WriteAtomic(string path, Func<Stream, Task> write, CancellationToken ct = default)
    {
        var parsed = WorkspacePath.Parse(path, options);
        using var folder = MakeFolders(parsed);
        var name = parsed.Parts[^1];
        var (target, _) = Beneath.TryOpen(folder, name, Beneath.PathOnly | Beneath.NoFollow);
        using (target)
        {
            if (target is not null && Beneath.Facts(target).IsFolder) throw new WorkspaceRefusedException(RefusalKind.NotAFile, $"'{parsed}' is a folder; choose another name.");
        }
        var temporary = $"{TemporaryPrefix}{Guid.CreateVersion7():N}";
        try
        {
            HashedFile written;
            using (var file = Beneath.Open(folder, temporary, Beneath.WriteOnly | Beneath.Create | Beneath.Exclusive, FileMode))
            {
                GiveAway(file);
                await using var stream = new FileStream(file, FileAccess.Write, bufferSize: 16 * 1024, isAsync: false);
                await using var measured = new MeasuredStream(stream, parsed.Value, options.FileBytesMax);
                await write(measured);
                ct.ThrowIfCancellationRequested();
                await measured.FlushAsync(ct);
                if (Beneath.Sync(file) != 0) throw Beneath.LastError("fsync");
                written = measured.Finish();
            }
            if (Beneath.Rename(folder, temporary, folder, name) != 0) throw Beneath.LastError("renameat");
            return written;
        }
        catch
        {
            _ = Beneath.Unlink(folder, temporary, 0); // Best effort: a left-over carries a prefix that listings skip.
            throw;
        }
    }

    /// <summary>SHA-256 of a file, streamed.</summary>
    public async Task<HashedFile> Hash(string path, CancellationToken ct = default)
    {
        await using var file = OpenRead(path);
        var hash = await SHA256.HashDataAsync(file, ct);
        return new(WorkspacePath.Parse(path, options).Value, file.Length, Convert.ToHexStringLower(hash));
    }

    /// <summary>Deletes one file (or the symlink itself, never its target). False when there was none: deleting twice is not an error.</summary>
    public bool Delete(string path)
    {
        var parsed = WorkspacePath.Parse(path, options);
        var (folder, error) = OpenParent(parsed);
        using (folder)
        {
            if (folder is null) return error == 2 ? false : throw Beneath.Refusal(parsed.Value, error);
            if (Beneath.Unlink(folder, parsed.Parts[^1], 0) == 0) return true;
            var failed = Marshal.GetLastPInvokeError();
            return failed == 2 ? false : throw Beneath.Refusal(parsed.Value, failed);
        }
    }

    public void Dispose() => root.Dispose();

    internal const string TemporaryPrefix = ".writing-";

    /// <summary>The folder a tool starts in, opened so that the tool cannot be sent elsewhere afterwards.</summary>
    internal SafeFileHandle OpenFolder(string? path)
    {
        if (string.IsNullOrEmpty(path) || path is "." or "./") return Beneath.Open(root, ".", Beneath.PathOnly | Beneath.Folder);
        var parsed = WorkspacePath.Parse(path, options);
        return Beneath.Open(root, parsed.Value, Beneath.PathOnly | Beneath.Folder);
    }

    private static WorkspaceOwner ShareOut(string path, WorkspaceOptions options)
    {
        // From the path, not from a counter: the same workspace gets the same id after a restart with nothing to remember.
        var digest = SHA256.HashData(Encoding.UTF8.GetBytes(path));
        var id = options.ToolUserFirst + (BitConverter.ToUInt32(digest) % options.ToolUserCount);
        return new(id, id);
    }

    private (SafeFileHandle? Folder, int Error) OpenParent(WorkspacePath path) =>
        Beneath.TryOpen(root, path.Parts.Length == 1 ? "." : string.Join('/', path.Parts[..^1]), Beneath.ReadOnly | Beneath.Folder);

    private SafeFileHandle MakeFolders(WorkspacePath path)
    {
        var (folder, error) = OpenParent(path);
        if (folder is not null) return folder;
        if (error != 2) throw Beneath.Refusal(path.Value, error);
        var current = Beneath.Open(root, ".", Beneath.ReadOnly | Beneath.Folder);
        var walked = "";
        foreach (var part in path.Parts[..^1])
        {
            using var parent = current;
            walked = walked.Length == 0 ? part : $"{walked}/{part}";
            var made = Beneath.MakeFolder(parent, part, FolderMode) == 0;
            // From the root and not from the parent: a link to a sibling folder stays beneath the root but not beneath its own folder.
            current = Beneath.Open(root, walked, Beneath.ReadOnly | Beneath.Folder);
            if (made) GiveAway(current);
        }
        return current;
    }

    private void GiveAway(SafeFileHandle file)
    {
        if (Owner is { } owner && Beneath.ChangeOwner(file, owner.User, owner.Group) != 0) throw Beneath.LastError("fchown");
    }
}
