using System.Runtime.InteropServices;

namespace AgentPlatform.Provisioning.Processes;

/// <summary>The two system calls .NET does not offer.</summary>
internal static partial class NativeCalls
{
    /// <summary>Sends a signal; a negative id means the whole process group. False when nobody was there to receive it.</summary>
    public static bool Send(int id, Signal signal) => Kill(id, (int)signal) == 0;

    /// <summary>Gives a file to another user.</summary>
    public static void GiveTo(string path, UnixUser user)
    {
        if (ChangeOwner(path, user.Id, user.Group) != 0)
        {
            throw new IOException($"Cannot give {path} to user {user.Name}: {Marshal.GetLastPInvokeErrorMessage()}. Check that the folder is on a local disk.");
        }
    }

    [LibraryImport("libc", EntryPoint = "kill", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int Kill(int id, int signal);

    [LibraryImport("libc", EntryPoint = "chown", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int ChangeOwner(string path, uint user, uint group);
}
