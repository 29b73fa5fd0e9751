using AgentPlatform.Provisioning.Processes;

namespace AgentPlatform.Provisioning.Programs;

/// <summary>
/// Fetches a Debian package and those of its dependencies that this system lacks, and unpacks them into a folder. apt works on lists and
/// a cache of our own, so this needs no root and changes nothing; it still checks signatures and hashes as always.
/// </summary>
internal static class FetchFromDebian
{
    /// <summary>Unpacks the package below <paramref name="into"/> as if that were <c>/</c>.</summary>
    public static async Task Fetch(string package, string aptFolder, string into, TimeProvider time, Action<string> progress, CancellationToken ct)
    {
        var debs = Directory.CreateDirectory(Path.Combine(into, ".debs")).FullName;
        Directory.CreateDirectory(Path.Combine(aptFolder, "state/lists/partial"));
        Directory.CreateDirectory(Path.Combine(aptFolder, "cache/archives/partial"));
        string[] ownFolders =
        [
            "-o", $"Dir::State={aptFolder}/state", "-o", "Dir::State::status=/var/lib/dpkg/status", "-o", $"Dir::Cache={aptFolder}/cache",
            "-o", $"APT::Sandbox::User={Environment.UserName}", "-o", "Acquire::Languages=none", "-qq",
        ];

        // apt refuses, rather than waits, when another apt has these lists; two programs may be fetched at the same time.
        await using var _ = await FileLock.Take(Path.Combine(aptFolder, "in-use.lock"), time, ct);
        progress($"reading the Debian package lists for {package}");
        await Apt(debs, [.. ownFolders, "update"], ct);
        var wanted = await Missing(package, debs, ownFolders, ct);
        progress($"downloading {string.Join(", ", wanted)}");
        await Apt(debs, [.. ownFolders, "download", .. wanted], ct);
        foreach (var deb in Directory.EnumerateFiles(debs, "*.deb"))
        {
            await RunTool.Run(new ChildProcessStart("dpkg-deb", "-x", deb, into), ct);
        }

        Directory.Delete(debs, recursive: true);
    }

    /// <summary>The folders below an unpacked root that hold shared libraries, as LD_LIBRARY_PATH wants them.</summary>
    public static string LibraryPath(string root) => string.Join(':', Directory
        .EnumerateFiles(root, "*.so*", SearchOption.AllDirectories)
        .Select(file => Path.GetDirectoryName(file)!)
        .Distinct(StringComparer.Ordinal)
        .Order(StringComparer.Ordinal));

    /// <summary>The package and what apt would install with it here, as <c>name=version</c>.</summary>
    private static async Task<string[]> Missing(string package, string folder, string[] ownFolders, CancellationToken ct)
    {
        var plan = await Apt(folder, [.. ownFolders, "install", "--simulate", "--no-install-recommends", package], ct);
        string[] missing = [.. plan.Where(line => line.StartsWith("Inst ", StringComparison.Ordinal)).Select(line => line.Split(' ')).Select(NameAndVersion)];

        // Installed, but not where we looked: then only the program itself is wanted, its libraries are there.
        return Array.Exists(missing, item => item.StartsWith(package + "=", StringComparison.Ordinal)) ? missing : [package];
    }

    // "Inst name (1.2-3 Debian:12/stable [amd64])", or "Inst name [old] (new ..." for an upgrade.
    private static string NameAndVersion(string[] words) => $"{words[1]}={Array.Find(words, word => word.StartsWith('('))!.TrimStart('(')}";

    private static Task<IReadOnlyList<string>> Apt(string folder, string[] arguments, CancellationToken ct) =>
        RunTool.Run(new ChildProcessStart("apt-get", arguments) { WorkingDirectory = folder, Environment = new Dictionary<string, string?> { ["LC_ALL"] = "C" } }, ct);
}
