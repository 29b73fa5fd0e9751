using System.Collections.Concurrent;
using System.Security.Cryptography;
using AgentPlatform.Provisioning.Processes;
using AgentPlatform.Provisioning.Programs;

namespace AgentPlatform.Testing;

/// <summary>
/// Packages of a <c>package-lock.json</c>, installed once per machine into the cache beside other fetched programs. No install
/// script of theirs is run.
/// </summary>
public static class NpmPackages
{
    /// <summary>Why there are none on this machine, or null.</summary>
    public static string? Missing { get; } = new[] { "node", "npm" }.FirstOrDefault(program => !new SearchPath(new ProgramFinderOptions()).Find(program).Any()) is { } missing
        ? $"{missing} is not installed: this test runs npm packages. Install Node.js 20 or newer."
        : null;

    /// <summary>A folder with <c>node_modules</c> as the lock file in <paramref name="folder"/> names them.</summary>
    /// <param name="folder">Holds <c>package.json</c> and <c>package-lock.json</c>.</param>
    /// <param name="ct">Ends the wait.</param>
    public static async Task<string> Ensure(string folder, CancellationToken ct)
    {
        var options = new ProgramFinderOptions();
        var files = new[] { "package.json", "package-lock.json" };
        var hash = Convert.ToHexStringLower(SHA256.HashData(await File.ReadAllBytesAsync(Path.Combine(folder, files[1]), ct)))[..16];
        return await new ProgramCache(options.CacheFolder, options.FetchTimeout, TimeProvider.System).Ensure($"npm-{hash}", async (into, token) =>
        {
            foreach (var file in files)
            {
                File.Copy(Path.Combine(folder, file), Path.Combine(into, file));
            }
            await Run("npm", ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier"], into, token);
        }, ct);
    }

    /// <summary>Runs a program to its end and returns its lines; what it said as an error is in the exception when it fails.</summary>
    /// <param name="program">Found in PATH.</param>
    /// <param name="arguments">Readable by every user of the machine.</param>
    /// <param name="folder">Where it starts.</param>
    /// <param name="ct">Ends it.</param>
    public static async Task<IReadOnlyList<string>> Run(string program, IReadOnlyList<string> arguments, string folder, CancellationToken ct)
    {
        var (said, errors) = (new ConcurrentQueue<string>(), new ConcurrentQueue<string>());
        await using var child = ChildProcess.Start(new ChildProcessStart(program, arguments)
        {
            WorkingDirectory = folder, LineLengthMax = 64 * 1024 * 1024, OnLine = line => (line.IsError ? errors : said).Enqueue(line.Text),
        });
        var code = await child.Exited.WaitAsync(ct);
        return code == 0 ? [.. said] : throw new InvalidOperationException($"{program} {string.Join(' ', arguments)} ended with {code}: {string.Join('\n', errors.TakeLast(20))}");
    }
}
