namespace AgentPlatform.Provisioning.Programs;

/// <summary>
/// Fetched programs, one folder each. A folder appears complete or not at all (filled beside, then renamed), and two processes
/// that want the same one do not fetch it twice (lock file). What is there is used without asking any network.
/// </summary>
internal sealed class ProgramCache(string folder, TimeSpan timeout, TimeProvider time)
{
    public string Folder => folder;

    public TimeProvider Time => time;

    /// <summary>The folder when it is complete, else null.</summary>
    public string? Find(string name)
    {
        var complete = Path.Combine(folder, name);
        return Directory.Exists(complete) ? complete : null;
    }

    /// <summary>The complete folder; <paramref name="fill"/> is called with an empty one when there is none yet.</summary>
    public async Task<string> Ensure(string name, Func<string, CancellationToken, Task> fill, CancellationToken ct)
    {
        if (Find(name) is { } there)
        {
            return there;
        }

        Directory.CreateDirectory(folder);
        using var patience = new CancellationTokenSource(timeout, time);
        using var both = CancellationTokenSource.CreateLinkedTokenSource(ct, patience.Token);
        try
        {
            await using var _ = await FileLock.Take(Path.Combine(folder, name + ".lock"), time, both.Token);
            if (Find(name) is { } madeMeanwhile)
            {
                return madeMeanwhile;
            }

            var partial = Path.Combine(folder, name + ".partial");
            if (Directory.Exists(partial))
            {
                Directory.Delete(partial, recursive: true);   // A process died while it filled this; we hold the lock, so nobody does now.
            }

            Directory.CreateDirectory(partial);
            await fill(partial, both.Token);
            var complete = Path.Combine(folder, name);
            Directory.Move(partial, complete);
            return complete;
        }
        catch (OperationCanceledException error) when (patience.IsCancellationRequested && !ct.IsCancellationRequested)
        {
            throw new TimeoutException($"Fetching {name} into {folder} took longer than {timeout}. Try again with a better connection, or install it.", error);
        }
    }
}
