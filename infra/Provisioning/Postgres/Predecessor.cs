using System.Globalization;

namespace AgentPlatform.Provisioning.Postgres;

/// <summary>The server that ran on a data folder before, according to its <c>postmaster.pid</c>.</summary>
internal static class Predecessor
{
    private static readonly TimeSpan LookEvery = TimeSpan.FromMilliseconds(50);

    /// <summary>
    /// Waits until a predecessor that is shutting down (its parent was killed a moment ago) has ended, and removes the file it left.
    /// PostgreSQL itself takes any living process with that id for a server, which after a reboot can be anybody.
    /// </summary>
    public static async Task WaitUntilGone(string dataFolder, TimeSpan timeout, TimeProvider time, CancellationToken ct)
    {
        var file = Path.Combine(dataFolder, "postmaster.pid");
        var begun = time.GetTimestamp();
        while (ReadId(file) is { } id)
        {
            if (!IsServerOn(dataFolder, id))
            {
                File.Delete(file);
                return;
            }

            if (time.GetElapsedTime(begun) > timeout)
            {
                throw new Processes.ServerFailedException($"PostgreSQL (process {id}) already runs on {dataFolder}. Stop it, or choose another data folder with --data.");
            }

            await Task.Delay(LookEvery, time, ct);
        }
    }

    private static int? ReadId(string file)
    {
        try
        {
            return int.TryParse(File.ReadLines(file).FirstOrDefault(), NumberStyles.None, CultureInfo.InvariantCulture, out var id) ? id : 0;
        }
        catch (FileNotFoundException)
        {
            return null;
        }
        catch (DirectoryNotFoundException)
        {
            return null;
        }
    }

    /// <summary>A server's working folder is its data folder; a zombie has none, and neither has a process that is gone.</summary>
    private static bool IsServerOn(string dataFolder, int id)
    {
        try
        {
            return id > 0 && new FileInfo($"/proc/{id}/cwd").LinkTarget is { } folder && Path.GetFullPath(folder) == Real(dataFolder);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return false;   // Another user's process: not a server of ours, which we could look at.
        }
    }

    private static string Real(string folder) => new DirectoryInfo(folder).ResolveLinkTarget(returnFinalTarget: true)?.FullName ?? Path.GetFullPath(folder);
}
