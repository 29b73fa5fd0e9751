using System.ComponentModel;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace AgentPlatform.ToolGateway.Workspaces;

/// <summary>What the kernel says of an open file, in the fields we use.</summary>
internal readonly record struct FileFacts(bool IsFile, bool IsFolder, long Bytes, uint User, uint Group, uint Mode, long Inode = 0);

/// <summary>
/// Opens paths with <c>openat2(RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS)</c>: the kernel refuses a path that leaves the folder at any step,
/// so a symlink swapped in between a check and the opening gains nothing.
/// </summary>
internal static unsafe partial class Beneath
{
    internal const int ReadOnly = 0, WriteOnly = 1, Create = 0x40, Exclusive = 0x80, NonBlocking = 0x800, CloseOnExec = 0x80000, PathOnly = 0x200000;

    // O_DIRECTORY and O_NOFOLLOW are the two flags whose value differs between x86-64 and arm64.
    internal static readonly int Folder = RuntimeInformation.ProcessArchitecture == Architecture.Arm64 ? 0x4000 : 0x10000;
    internal static readonly int NoFollow = RuntimeInformation.ProcessArchitecture == Architecture.Arm64 ? 0x8000 : 0x20000;

    private const int ResolveNoMagicLinks = 0x02, ResolveBeneath = 0x08;
    private const long SysOpenAt2 = 437;
    private static readonly long SysStatx = RuntimeInformation.ProcessArchitecture == Architecture.Arm64 ? 291 : 332;
    private const int ENOENT = 2, EACCES = 13, EXDEV = 18, ENOTDIR = 20, EISDIR = 21, ENOSYS = 38, ELOOP = 40, EPERM = 1, ENXIO = 6;

    [StructLayout(LayoutKind.Sequential)]
    private struct OpenHow
    {
        public ulong Flags, Mode, Resolve;
    }

    /// <summary>Opens <paramref name="path"/> beneath <paramref name="folder"/>; refuses in words when it cannot.</summary>
    internal static SafeFileHandle Open(SafeFileHandle folder, string path, int flags, uint mode = 0)
    {
        var (handle, error) = TryOpen(folder, path, flags, mode);
        return handle ?? throw Refusal(path, error);
    }

    internal static (SafeFileHandle? Handle, int Error) TryOpen(SafeFileHandle folder, string path, int flags, uint mode = 0)
    {
        var how = new OpenHow { Flags = (ulong)(uint)(flags | CloseOnExec), Mode = mode, Resolve = ResolveBeneath | ResolveNoMagicLinks };
        var text = Marshal.StringToCoTaskMemUTF8(path);
        try
        {
            // EAGAIN means that a rename elsewhere raced with the walk: the kernel could not prove "beneath" and asks us to try again.
            for (var attempt = 0; attempt < 64; attempt++)
            {
                var fd = Syscall(SysOpenAt2, folder.DangerousGetHandle(), text, (nint)(&how), sizeof(OpenHow), 0);
                var error = Marshal.GetLastPInvokeError();
                if (fd >= 0) return (new SafeFileHandle((nint)fd, ownsHandle: true), 0);
                if (error is not (11 or 4)) return (null, error);
            }
            return (null, EXDEV);
        }
        finally
        {
            Marshal.FreeCoTaskMem(text);
        }
    }

    /// <summary>Opens a folder by its full path: only for roots that the platform itself chose.</summary>
    internal static SafeFileHandle OpenAnywhere(string path)
    {
        var fd = OpenPlain(path, ReadOnly | Folder | CloseOnExec, 0);
        return fd >= 0 ? new SafeFileHandle(fd, ownsHandle: true) : throw LastError($"open {path}");
    }

    internal static FileFacts Facts(SafeFileHandle handle)
    {
        const int emptyPath = 0x1000, basicStats = 0x7ff;
        var buffer = stackalloc byte[256];
        var empty = stackalloc byte[1];
        if (Syscall(SysStatx, handle.DangerousGetHandle(), (nint)empty, emptyPath, basicStats, (nint)buffer) != 0) throw LastError("statx");
        // struct statx: mode at 28, uid at 20, gid at 24, inode at 32, size at 40; the same on every architecture.
        var mode = *(ushort*)(buffer + 28);
        return new((mode & 0xF000) == 0x8000, (mode & 0xF000) == 0x4000, *(long*)(buffer + 40), *(uint*)(buffer + 20), *(uint*)(buffer + 24), mode, *(long*)(buffer + 32));
    }

    internal static Win32Exception LastError(string call) => new(Marshal.GetLastPInvokeError(), $"{call}: {Marshal.GetLastPInvokeErrorMessage()}");

    internal static WorkspaceRefusedException Refusal(string path, int error) => error switch
    {
        ENOENT => new(RefusalKind.NotFound, $"'{path}' does not exist in the workspace; list the files first."),
        EXDEV or ELOOP => new(RefusalKind.Escapes, $"'{path}' leads out of the workspace through a symbolic link; use a path that stays inside."),
        ENOTDIR => new(RefusalKind.NotAFile, $"A part of '{path}' is a file, not a folder; choose another path."),
        EISDIR or ENXIO => new(RefusalKind.NotAFile, $"'{path}' is not a regular file; name a file."),
        EACCES or EPERM => new(RefusalKind.Denied, $"'{path}' may not be opened: permission denied; check who owns it."),
        ENOSYS => new(RefusalKind.Unavailable, "This kernel has no openat2, so paths cannot be confined; use Linux 5.6 or newer."),
        _ => new(RefusalKind.Unavailable, $"'{path}' could not be opened: {Marshal.GetPInvokeErrorMessage(error)}."),
    };

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true)]
    private static partial long Syscall(long number, nint a, nint b, nint c, nint d, nint e);

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int OpenPlain(string path, int flags, uint mode);

    [LibraryImport("libc", EntryPoint = "mkdirat", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int MakeFolder(SafeFileHandle folder, string name, uint mode);

    [LibraryImport("libc", EntryPoint = "renameat", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int Rename(SafeFileHandle fromFolder, string from, SafeFileHandle toFolder, string to);

    [LibraryImport("libc", EntryPoint = "unlinkat", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int Unlink(SafeFileHandle folder, string name, int flags);

    [LibraryImport("libc", EntryPoint = "fchown", SetLastError = true)]
    internal static partial int ChangeOwner(SafeFileHandle file, uint user, uint group);

    [LibraryImport("libc", EntryPoint = "fchmod", SetLastError = true)]
    internal static partial int ChangeMode(SafeFileHandle file, uint mode);

    [LibraryImport("libc", EntryPoint = "fsync", SetLastError = true)]
    internal static partial int Sync(SafeFileHandle file);

    [LibraryImport("libc", EntryPoint = "geteuid")]
    internal static partial uint EffectiveUser();

    [LibraryImport("libc", EntryPoint = "dup", SetLastError = true)]
    private static partial int Duplicate(SafeFileHandle file);

    [LibraryImport("libc", EntryPoint = "fdopendir", SetLastError = true)]
    private static partial nint OpenFolderStream(int file);

    [LibraryImport("libc", EntryPoint = "readdir", SetLastError = true)]
    private static partial nint ReadEntry(nint stream);

    [LibraryImport("libc", EntryPoint = "closedir")]
    private static partial int CloseFolderStream(nint stream);

    /// <summary>Names in an open folder, in the kernel's order, without "." and "..".</summary>
    internal static List<(string Name, byte Kind)> Entries(SafeFileHandle folder, int max)
    {
        var copy = Duplicate(folder);
        if (copy < 0) throw LastError("dup");
        var stream = OpenFolderStream(copy);
        if (stream == 0) throw LastError("fdopendir");
        try
        {
            var entries = new List<(string, byte)>();
            for (var entry = ReadEntry(stream); entry != 0; entry = ReadEntry(stream))
            {
                // struct dirent64: d_type at 18, d_name at 19, on both architectures and both C libraries.
                var name = Marshal.PtrToStringUTF8(entry + 19)!;
                if (name is "." or "..") continue;
                if (entries.Count == max)
                    throw new WorkspaceRefusedException(RefusalKind.TooLarge, $"A folder holds more than {max} entries; delete what is not needed or list a narrower folder.");
                entries.Add((name, *(byte*)(entry + 18)));
            }
            return entries;
        }
        finally
        {
            _ = CloseFolderStream(stream);
        }
    }
}
