using System.Runtime.CompilerServices;
using AgentPlatform.Testing;

namespace AgentPlatform.ModelFabric.Tests.Npm;

/// <summary>The scripts of this folder beside the packages they need; a test without Node.js is skipped and says so.</summary>
public sealed class NpmFolder : IDisposable
{
    private static readonly TimeSpan RunDurationMax = TimeSpan.FromMinutes(3);
    private readonly DirectoryInfo _folder;

    private NpmFolder(DirectoryInfo folder) => _folder = folder;

    public string Path => _folder.FullName;

    public static async Task<NpmFolder> Open()
    {
        Assert.SkipWhen(NpmPackages.Missing is not null, NpmPackages.Missing ?? "");
        var packages = await NpmPackages.Ensure(Here(), TestContext.Current.CancellationToken);
        var folder = Directory.CreateTempSubdirectory("fabric-npm-");
        foreach (var file in Directory.EnumerateFiles(Here(), "*.mjs").Append(System.IO.Path.Combine(Here(), "aimock.json")))
        {
            File.Copy(file, System.IO.Path.Combine(folder.FullName, System.IO.Path.GetFileName(file)));
        }
        Directory.CreateSymbolicLink(System.IO.Path.Combine(folder.FullName, "node_modules"), System.IO.Path.Combine(packages, "node_modules"));
        return new NpmFolder(folder);
    }

    public async Task<IReadOnlyList<string>> Node(params string[] arguments)
    {
        using var patience = new CancellationTokenSource(RunDurationMax);
        return await NpmPackages.Run("node", arguments, Path, patience.Token);
    }

    public void Dispose() => _folder.Delete(recursive: true);

    private static string Here([CallerFilePath] string here = "") => System.IO.Path.GetDirectoryName(here)!;
}
