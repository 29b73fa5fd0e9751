using System.Security.Cryptography;
using System.Text;
using AgentPlatform.Provisioning.Processes;

namespace AgentPlatform.Provisioning.Programs;

/// <summary>
/// Root fetches programs into a cache below its closed home, but does not run them itself: PostgreSQL refuses root, and tools run as users of their own.
/// What those users cannot reach is copied below a shared folder.
/// </summary>
internal static class SharedPrograms
{
    /// <summary>The installation itself when <paramref name="user"/> can run the program in it, else a copy of it that everybody can read.</summary>
    /// <param name="installation">The folder that holds the program and all it needs.</param>
    /// <param name="program">A program in it.</param>
    /// <param name="user">Who must be able to run it.</param>
    /// <param name="sharedFolder">Where copies are put.</param>
    /// <param name="progress">Told when something is copied.</param>
    /// <param name="ct">Cancels.</param>
    public static async Task<string> Reachable(string installation, string program, UnixUser user, string sharedFolder, Action<string> progress, CancellationToken ct)
    {
        if (await user.Can("test -x \"$0\"", program, ct))
        {
            return installation;
        }

        var copy = Path.Combine(sharedFolder, "programs", Hash(installation));
        if (Directory.Exists(copy))
        {
            return copy;
        }

        progress($"copying {installation}, which user {user.Name} cannot reach, to {copy}");
        var partial = $"{copy}.{Guid.CreateVersion7():n}.partial";
        Directory.CreateDirectory(Path.GetDirectoryName(copy)!);
        await RunTool.Run(new ChildProcessStart("cp", "-a", "--no-preserve=ownership", installation, partial), ct);
        try
        {
            Directory.Move(partial, copy);
        }
        catch (IOException) when (Directory.Exists(copy))
        {
            Directory.Delete(partial, recursive: true);   // Another process was faster; its copy is as good.
        }

        return copy;
    }

    /// <summary>A short name for a path.</summary>
    public static string Hash(string path) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(Path.GetFullPath(path))))[..12];
}
