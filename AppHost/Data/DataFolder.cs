using AgentPlatform.Provisioning.Files;

namespace AgentPlatform.AppHost.Data;

/// <summary>Two stacks on one data folder would write over each other.</summary>
public sealed class DataFolderInUseException(string folder)
    : Exception($"Another stack already runs on {folder}. Stop it (Ctrl-C in its terminal), or choose another folder with --data and other ports with --port-base.");

/// <summary>
/// Everything the stack keeps, in one folder of mode 0700 that is ours while we hold its lock. The lock is the kernel's: it goes with the
/// process, however the process ends.
/// </summary>
internal sealed class DataFolder : IDisposable
{
    private readonly FileStream mine;

    private DataFolder(string path, FileStream held)
    {
        Path = path;
        mine = held;
    }

    public string Path { get; }

    public string Credentials => Sub("credentials");

    public string Logs => Sub("logs");

    /// <summary>
    /// A name that was drawn when the folder was made. What must lie outside of it is filed under this name, so that a folder that was deleted and made
    /// again begins anew instead of meeting its predecessor's files.
    /// </summary>
    public string Instance => PrivateFiles.ReadOrMake(At("instance"), static () => Guid.CreateVersion7().ToString("n")).Trim();

    public string OwnerToken => At("owner.token");

    public string PlatformFile => PlatformFileIn(Path);

    public static string PlatformFileIn(string folder) => System.IO.Path.Combine(folder, "platform.json");

    /// <exception cref="DataFolderInUseException">Another process holds the lock.</exception>
    public static DataFolder Open(string path)
    {
        PrivateFiles.EnsureFolder(path);
        FileStream held;
        try
        {
            held = new FileStream(System.IO.Path.Combine(path, "apphost.lock"), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (IOException)
        {
            throw new DataFolderInUseException(path);
        }

        var folder = new DataFolder(path, held);
        PrivateFiles.EnsureFolder(folder.Credentials);
        PrivateFiles.EnsureFolder(folder.Logs);
        return folder;
    }

    /// <summary>A folder of mode 0700 below.</summary>
    public string Sub(string name)
    {
        var folder = At(name);
        if (!Directory.Exists(folder))
        {
            PrivateFiles.EnsureFolder(folder);
        }

        return folder;
    }

    public string At(string name) => System.IO.Path.Combine(Path, name);

    public void Dispose() => mine.Dispose();
}
