using System.Security.Cryptography;

namespace AgentPlatform.Provisioning.Files;

/// <summary>Files and folders that only their owner can read.</summary>
public static class PrivateFiles
{
    private const UnixFileMode FileMode600 = UnixFileMode.UserRead | UnixFileMode.UserWrite;
    private const UnixFileMode FolderMode700 = FileMode600 | UnixFileMode.UserExecute;
    private static readonly Lock Making = new();

    /// <summary>Makes the folder (mode 0700) unless it is there; an existing one is closed to others.</summary>
    public static void EnsureFolder(string folder)
    {
        Directory.CreateDirectory(folder, FolderMode700);
        File.SetUnixFileMode(folder, FolderMode700);
    }

    /// <summary>Writes the file (mode 0600) so that a reader sees the old content or the new, never half of it.</summary>
    public static void Write(string path, ReadOnlySpan<byte> content)
    {
        var beside = $"{path}.{Environment.ProcessId}-{RandomNumberGenerator.GetHexString(8, lowercase: true)}.partial";
        using (var file = new FileStream(beside, new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write, UnixCreateMode = FileMode600 }))
        {
            file.Write(content);
            file.Flush(flushToDisk: true);
        }

        File.Move(beside, path, overwrite: true);
    }

    /// <summary>Writes text, as <see cref="Write(string, ReadOnlySpan{byte})"/> does.</summary>
    public static void Write(string path, string content) => Write(path, System.Text.Encoding.UTF8.GetBytes(content));

    /// <summary>The text in the file; made and written first when it is not there. Safe for one process at a time, which may ask from several threads.</summary>
    public static string ReadOrMake(string path, Func<string> make)
    {
        ArgumentNullException.ThrowIfNull(make);
        lock (Making)
        {
            if (!File.Exists(path))
            {
                Write(path, make());
            }
        }

        return File.ReadAllText(path).Trim();
    }

    /// <summary>A secret for a file: 256 random bits in a form that needs no quoting anywhere.</summary>
    public static string NewSecret() => RandomNumberGenerator.GetHexString(64, lowercase: true);
}
