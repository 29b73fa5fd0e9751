using System.Globalization;
using AgentPlatform.Provisioning.Processes;

namespace AgentPlatform.Provisioning.Files;

/// <summary>
/// A folder of our own below the temp folder, removed when disposed. One whose owner died without removing it is removed by the next
/// process that makes one: the owner's process id and start time are in its name.
/// </summary>
public sealed class TemporaryFolder : IDisposable
{
    private const string Prefix = "agentplatform-";

    private TemporaryFolder(string path) => Path = path;

    /// <summary>The full path.</summary>
    public string Path { get; }

    /// <summary>Makes a folder. With a user, the folder belongs to that user (only root can).</summary>
    public static TemporaryFolder Make(UnixUser? owner = null)
    {
        var parent = System.IO.Path.GetTempPath();
        RemoveLeftOvers(parent);
        var made = Directory.CreateTempSubdirectory($"{Prefix}{Environment.ProcessId}-{StartOf(Environment.ProcessId)}-");
        if (owner is not null)
        {
            NativeCalls.GiveTo(made.FullName, owner);
        }

        return new TemporaryFolder(made.FullName);
    }

    /// <summary>Whether a name is that of a folder of ours whose process is no more: what a test named after its folder is left over then.</summary>
    /// <param name="name">Without the path.</param>
    public static bool IsLeftOver(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        var parts = name.Split('-');
        return name.StartsWith(Prefix, StringComparison.Ordinal) && parts.Length == 4
            && int.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out var owner) && StartOf(owner) != parts[2];
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (Directory.Exists(Path))
        {
            Directory.Delete(Path, recursive: true);
        }
    }

    private static void RemoveLeftOvers(string parent)
    {
        foreach (var folder in Directory.EnumerateDirectories(parent, Prefix + "*"))
        {
            if (IsLeftOver(System.IO.Path.GetFileName(folder)))
            {
                TryRemove(folder);
            }
        }
    }

    private static void TryRemove(string folder)
    {
        try
        {
            Directory.Delete(folder, recursive: true);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            // Another user's, or another process removes it at the same moment; the next process tries again.
        }
    }

    /// <summary>The start time of a process in kernel ticks, which tells it from a later one with the same id; "gone" when there is none.</summary>
    private static string StartOf(int process)
    {
        try
        {
            var stat = File.ReadAllText($"/proc/{process}/stat");
            return stat[(stat.LastIndexOf(')') + 2)..].Split(' ')[19];
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return "gone";
        }
    }
}
