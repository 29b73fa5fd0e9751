namespace AgentPlatform.Provisioning.Programs;

/// <summary>A lock that processes share: a file that one of them at a time holds open. It falls with its process.</summary>
internal static class FileLock
{
    private static readonly TimeSpan LookEvery = TimeSpan.FromMilliseconds(200);

    /// <summary>Waits for the lock; disposing of it lets the next one in.</summary>
    public static async Task<FileStream> Take(string path, TimeProvider time, CancellationToken ct)
    {
        while (true)
        {
            try
            {
                return new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
            }
            catch (IOException) when (File.Exists(path))
            {
                await Task.Delay(LookEvery, time, ct);
            }
        }
    }
}
