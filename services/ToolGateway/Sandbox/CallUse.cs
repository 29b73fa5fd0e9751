using System.Globalization;
using System.IO.Enumeration;
using AgentPlatform.ToolGateway.Workspaces;
using Microsoft.Win32.SafeHandles;

namespace AgentPlatform.ToolGateway.Sandbox;

/// <summary>
/// What a running call takes of the machine in all its processes together. The kernel's limits are for each process, so this is looked at while the call runs;
/// a call that is over before the first look has had little time to take much.
/// </summary>
/// <remarks>
/// Does not promise to stop at the byte: between two looks a call may take more. Files without a name are seen where the gateway may look at the tool's
/// descriptors (same user, or CAP_SYS_PTRACE).
/// </remarks>
internal sealed class CallUse(SandboxLimits limits, string workspace, int leader, TimeProvider time)
{
    // A look at a large workspace costs time: it is taken at most a tenth of the time.
    private const int RestPerLook = 9;
    private TimeSpan pause = limits.LookEvery;
    private long lookedAt = time.GetTimestamp();

    /// <summary>Until the next look.</summary>
    public TimeSpan Rest => pause - time.GetElapsedTime(lookedAt);

    /// <summary>Why the call must end, or null.</summary>
    public (SandboxEnd End, string Why)? Look()
    {
        var started = time.GetTimestamp();
        var verdict = Verdict();
        pause = TimeSpan.FromTicks(Math.Max(limits.LookEvery.Ticks, time.GetElapsedTime(started).Ticks * RestPerLook));
        lookedAt = time.GetTimestamp();
        return verdict;
    }

    private (SandboxEnd, string)? Verdict()
    {
        var processes = CallProcesses.Of(leader);
        var (unnamedMemory, unnamedDisk) = Unnamed(processes);
        var resident = processes.Sum(Resident);

        // Memory shared after a fork counts for each there; the exact share is dear to ask for, so only who is suspected is asked.
        if (resident + unnamedMemory > limits.CallMemoryBytesMax && processes.Sum(Share) + unnamedMemory is var exact && exact > limits.CallMemoryBytesMax)
            return (SandboxEnd.TooMuchMemory, $"its {processes.Count} processes took {exact >> 20} MiB together, and may take {limits.CallMemoryBytesMax >> 20} MiB");

        var (bytes, entries) = OnDisk();
        if (bytes + unnamedDisk > limits.WorkspaceBytesMax) return (SandboxEnd.TooMuchDisk, $"the workspace holds {(bytes + unnamedDisk) >> 20} MiB, and may hold {limits.WorkspaceBytesMax >> 20} MiB");
        if (entries > limits.WorkspaceEntriesMax) return (SandboxEnd.TooMuchDisk, $"the workspace holds more than {limits.WorkspaceEntriesMax} files and folders");
        return null;
    }

    private static long Resident(int pid) => Field($"/proc/{pid}/status", "RssAnon:") + Field($"/proc/{pid}/status", "RssShmem:");

    private static long Share(int pid) => Field($"/proc/{pid}/smaps_rollup", "Pss:") is > 0 and var share ? share : Resident(pid);

    private static long Field(string file, string name)
    {
        try
        {
            foreach (var line in File.ReadLines(file))
            {
                if (line.StartsWith(name, StringComparison.Ordinal)) return 1024 * long.Parse(line.AsSpan(name.Length, line.Length - name.Length - " kB".Length).Trim(), CultureInfo.InvariantCulture);
            }
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return 0; // Gone since the listing, or closed to us.
        }
        return 0;
    }

    // Files that have no name any more, or never had one, are in no folder; their processes hold them open.
    private static (long Memory, long Disk) Unnamed(List<int> processes)
    {
        var seen = new HashSet<(string, long)>();
        var (memory, disk) = (0L, 0L);
        foreach (var pid in processes)
        {
            try
            {
                foreach (var descriptor in Directory.EnumerateFileSystemEntries($"/proc/{pid}/fd"))
                {
                    if (File.ResolveLinkTarget(descriptor, returnFinalTarget: false)?.FullName is not { } target || !target.EndsWith(" (deleted)", StringComparison.Ordinal)) continue;
                    var fd = Kernel.Open(descriptor, Beneath.PathOnly | Beneath.CloseOnExec, 0);
                    if (fd < 0) continue;
                    using var handle = new SafeFileHandle(fd, ownsHandle: true);
                    var facts = Beneath.Facts(handle);
                    if (!facts.IsFile || !seen.Add((target, facts.Inode))) continue;
                    if (target.StartsWith("/memfd:", StringComparison.Ordinal) || target.StartsWith("/dev/", StringComparison.Ordinal)) memory += facts.Bytes;
                    else disk += facts.Bytes;
                }
            }
            catch (Exception error) when (error is IOException or UnauthorizedAccessException)
            {
                continue; // Gone since the listing, or closed to us.
            }
        }
        return (memory, disk);
    }

    private (long Bytes, int Entries) OnDisk()
    {
        var (bytes, entries) = (0L, 0);
        using var walk = new Walk(workspace);
        while (walk.MoveNext() && entries <= limits.WorkspaceEntriesMax && bytes <= limits.WorkspaceBytesMax) (bytes, entries) = (bytes + walk.Current, entries + 1);
        return (bytes, entries);
    }

    /// <summary>Sizes of what lies below a folder. What vanishes meanwhile is skipped, and links are not followed.</summary>
    private sealed class Walk(string folder) : FileSystemEnumerator<long>(folder, new EnumerationOptions { RecurseSubdirectories = true, AttributesToSkip = FileAttributes.None, ReturnSpecialDirectories = false })
    {
        protected override long TransformEntry(ref FileSystemEntry entry) => entry.IsDirectory ? 0 : entry.Length;

        protected override bool ShouldRecurseIntoEntry(ref FileSystemEntry entry) => entry.IsDirectory && !entry.Attributes.HasFlag(FileAttributes.ReparsePoint);

        protected override bool ContinueOnError(int error) => true;
    }
}
