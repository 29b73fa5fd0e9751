using AgentPlatform.Provisioning.Processes;

namespace AgentPlatform.Provisioning.Programs;

/// <summary>
/// Finds system programs: an explicit setting, then PATH and the usual folders, then our cache; what is nowhere is fetched into the cache
/// with the package clients of this machine, without changing the system.
/// </summary>
public sealed class ProgramFinder
{
    private static readonly string[] Browsers = ["chromium", "chromium-browser", "google-chrome-stable", "google-chrome"];
    private static readonly string[] ContainerRuntimes = ["podman", "docker"];

    private readonly ProgramFinderOptions options;
    private readonly SearchPath search;
    private readonly ProgramCache cache;
    private readonly FetchedPrograms fetched;

    /// <summary>With options; the defaults read the process environment.</summary>
    public ProgramFinder(ProgramFinderOptions? options = null, TimeProvider? time = null)
    {
        this.options = options ?? new ProgramFinderOptions();
        search = new SearchPath(this.options);
        cache = new ProgramCache(this.options.CacheFolder, this.options.FetchTimeout, time ?? TimeProvider.System);
        fetched = new FetchedPrograms(cache, this.options.Progress);
    }

    /// <summary>PostgreSQL. <c>AGENTPLATFORM_POSTGRES_BIN</c> names the folder of its programs.</summary>
    public async Task<PostgresPrograms> FindPostgres(CancellationToken ct = default)
    {
        if (Explicit("AGENTPLATFORM_POSTGRES_BIN") is { } folder)
        {
            var named = new PostgresPrograms(folder);
            return named.AreThere ? named : throw new ProgramMissingException($"AGENTPLATFORM_POSTGRES_BIN is {folder}, but initdb and postgres are not both in it. Name the folder that holds them, or unset it.");
        }

        foreach (var found in search.Find("postgres"))
        {
            // A link in /usr/local/bin or PATH points into the installation, where initdb and the libraries are.
            var target = File.ResolveLinkTarget(found, returnFinalTarget: true)?.FullName ?? found;
            var programs = new PostgresPrograms(Path.GetDirectoryName(target)!);
            if (programs.AreThere && await VersionOf(target, ct) >= options.PostgresVersionMin)
            {
                return programs;
            }
        }

        var root = cache.Find(FetchedPrograms.PostgresFolder) ?? await Fetch(
            "PostgreSQL", fetched.Postgres, $"sudo apt-get install postgresql-{options.PostgresVersionMin}", "set AGENTPLATFORM_POSTGRES_BIN to the folder of initdb and postgres", "--external postgres=CONNECTION_STRING", ct);
        return new PostgresPrograms(Path.Combine(root, "package/native/bin"));
    }

    /// <summary>nats-server. <c>AGENTPLATFORM_NATS_SERVER</c> names the program.</summary>
    public async Task<string> FindNatsServer(CancellationToken ct = default) =>
        ExplicitFile("AGENTPLATFORM_NATS_SERVER")
        ?? search.Find("nats-server").FirstOrDefault()
        ?? FirstIn(cache.Find("nats-server") ?? await Fetch(
            "nats-server", fetched.NatsServer, "sudo apt-get install nats-server", "set AGENTPLATFORM_NATS_SERVER to the program", "--external nats=nats://HOST:PORT", ct), "nats-server");

    /// <summary>The Aspire dashboard. <c>AGENTPLATFORM_DASHBOARD</c> names the program <c>aspire-managed</c>.</summary>
    public async Task<DashboardProgram> FindDashboard(CancellationToken ct = default)
    {
        var program = ExplicitFile("AGENTPLATFORM_DASHBOARD") ?? search.Find("aspire-managed").FirstOrDefault();
        if (program is null)
        {
            var root = cache.Find(FetchedPrograms.DashboardFolder) ?? await Fetch(
                "the Aspire dashboard", fetched.Dashboard, "install Node.js so that npm can fetch it", "set AGENTPLATFORM_DASHBOARD to the program aspire-managed", "--no-dashboard", ct);
            program = Path.Combine(root, "managed/aspire-managed");
        }

        return new DashboardProgram(program);
    }

    /// <summary>poppler's pdftotext. <c>AGENTPLATFORM_PDFTOTEXT</c> names the program.</summary>
    public async Task<PdfToTextProgram> FindPdfToText(CancellationToken ct = default)
    {
        if ((ExplicitFile("AGENTPLATFORM_PDFTOTEXT") ?? search.Find("pdftotext").FirstOrDefault()) is { } program)
        {
            return new PdfToTextProgram(program, options.Setting("AGENTPLATFORM_PDFTOTEXT_LIBRARIES"));
        }

        var root = cache.Find("poppler-utils") ?? await Fetch(
            "pdftotext", fetched.PopplerUtils, "sudo apt-get install poppler-utils", "set AGENTPLATFORM_PDFTOTEXT to the program", "do without: PDF files are then not read", ct);
        if (Environment.IsPrivilegedProcess && UnixUser.FirstOf("nobody", "daemon") is { } user)
        {
            root = await SharedPrograms.Reachable(root, FirstIn(root, "pdftotext"), user, options.SharedFolder, options.Progress, ct);
        }

        return new PdfToTextProgram(FirstIn(root, "pdftotext"), FetchFromDebian.LibraryPath(root));
    }

    /// <summary>Chromium or a browser of its family, or null: it is too large to be fetched unasked. <c>AGENTPLATFORM_CHROMIUM</c> names the program.</summary>
    public string? FindChromium() =>
        ExplicitFile("AGENTPLATFORM_CHROMIUM")
        ?? Browsers.SelectMany(search.Find).FirstOrDefault();

    private async Task<string> Fetch(
        string what, Func<CancellationToken, Task<string>> fetch, string install, string point, string otherwise, CancellationToken ct)
    {
        string Remedies(string why) =>
            $"{what} was not found in PATH, the usual folders or {cache.Folder}, and {why}. Three ways to get it: (1) {install}; (2) {point}; (3) {otherwise}.{ContainerHint(what)}";
        if (!options.MayFetch)
        {
            throw new ProgramMissingException(Remedies("fetching is switched off"));
        }

        try
        {
            return await fetch(ct);
        }
        catch (Exception error) when (error is ToolFailedException or ProgramMissingException or TimeoutException or IOException or UnauthorizedAccessException)
        {
            throw new ProgramMissingException(Remedies($"fetching it failed ({error.Message})"), error);
        }
    }

    private string ContainerHint(string what) =>
        ContainerRuntimes.FirstOrDefault(name => search.Find(name).Any()) is { } runtime
            ? $" {runtime} is installed: {what} can also run in a container of yours, reached with --external."
            : "";

    private string? Explicit(string setting) => options.Setting(setting) is { Length: > 0 } value ? value : null;

    private string? ExplicitFile(string setting) => Explicit(setting) switch
    {
        null => null,
        { } file when SearchPath.IsExecutable(file) => file,
        { } file => throw new ProgramMissingException($"{setting} is {file}, which is not an executable file. Correct or unset it."),
    };

    private static string FirstIn(string root, string program) =>
        Directory.EnumerateFiles(root, program, SearchOption.AllDirectories).FirstOrDefault(SearchPath.IsExecutable)
        ?? throw new ProgramMissingException($"{root} is there but holds no {program}. Delete the folder; it is fetched again.");

    private static async Task<int> VersionOf(string postgres, CancellationToken ct) =>
        PostgresVersion.Parse(string.Join(' ', await RunTool.Run(new ChildProcessStart(postgres, "--version") { InheritEnvironment = false }, ct)));
}
