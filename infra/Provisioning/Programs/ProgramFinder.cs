using AgentPlatform.Provisioning.Processes;

namespace AgentPlatform.Provisioning.Programs;

/// <summary>
/// Finds system programs: an explicit setting, then PATH and the usual folders, then our cache; what is nowhere is fetched into the cache
/// with the package clients of this machine, without changing the system; servers that cannot be fetched run in a container where a runtime works.
/// </summary>
public sealed class ProgramFinder
{
    private static readonly string[] Browsers = ["chromium", "chromium-browser", "google-chrome-stable", "google-chrome"];

    private readonly ProgramFinderOptions options;
    private readonly SearchPath search;
    private readonly ProgramCache cache;
    private readonly FetchedPrograms fetched;
    private readonly ContainerPrograms containers;

    /// <summary>With options; the defaults read the process environment.</summary>
    public ProgramFinder(ProgramFinderOptions? options = null, TimeProvider? time = null)
    {
        this.options = options ?? new ProgramFinderOptions();
        search = new SearchPath(this.options);
        cache = new ProgramCache(this.options.CacheFolder, this.options.FetchTimeout, time ?? TimeProvider.System);
        fetched = new FetchedPrograms(cache, this.options.Progress);
        containers = new ContainerPrograms(search, this.options);
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

        if (cache.Find(FetchedPrograms.PostgresFolder) is { } there)
        {
            return Unpacked(there);
        }

        return await Fetch(
            "PostgreSQL", async token => Unpacked(await fetched.Postgres(token)), containers.Postgres,
            $"sudo apt-get install postgresql-{options.PostgresVersionMin}", "set AGENTPLATFORM_POSTGRES_BIN to the folder of initdb and postgres", "--external postgres=CONNECTION_STRING", ct);

        static PostgresPrograms Unpacked(string root) => new(Path.Combine(root, "package/native/bin"));
    }

    /// <summary>nats-server. <c>AGENTPLATFORM_NATS_SERVER</c> names the program.</summary>
    public async Task<string> FindNatsServer(CancellationToken ct = default) =>
        ExplicitFile("AGENTPLATFORM_NATS_SERVER")
        ?? search.Find("nats-server").FirstOrDefault()
        ?? (cache.Find("nats-server") is { } there ? FirstIn(there, "nats-server") : null)
        ?? await Fetch(
            "nats-server", async token => FirstIn(await fetched.NatsServer(token), "nats-server"), containers.NatsServer,
            "sudo apt-get install nats-server", "set AGENTPLATFORM_NATS_SERVER to the program", "--external nats=nats://HOST:PORT", ct);

    /// <summary>The Aspire dashboard. <c>AGENTPLATFORM_DASHBOARD</c> names the program <c>aspire-managed</c>.</summary>
    public async Task<DashboardProgram> FindDashboard(CancellationToken ct = default)
    {
        var program = ExplicitFile("AGENTPLATFORM_DASHBOARD") ?? search.Find("aspire-managed").FirstOrDefault();
        if (program is null)
        {
            var root = cache.Find(FetchedPrograms.DashboardFolder) ?? await Fetch(
                "the Aspire dashboard", fetched.Dashboard, NoContainer<string>, "install Node.js so that npm can fetch it", "set AGENTPLATFORM_DASHBOARD to the program aspire-managed", "--no-dashboard", ct);
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
            "pdftotext", fetched.PopplerUtils, NoContainer<string>, "sudo apt-get install poppler-utils", "set AGENTPLATFORM_PDFTOTEXT to the program", "do without: PDF files are then not read", ct);
        if (Environment.IsPrivilegedProcess && UnixUser.FirstOf("nobody", "daemon") is { } user)
        {
            root = await SharedPrograms.Reachable(root, FirstIn(root, "pdftotext"), user, options.SharedFolder, options.Progress, ct);
        }

        return new PdfToTextProgram(FirstIn(root, "pdftotext"), FetchFromDebian.LibraryPath(root));
    }

    /// <summary>iproute2's ip, for tests that lay networks in namespaces. <c>AGENTPLATFORM_IP</c> names the program.</summary>
    public async Task<IpProgram> FindIp(CancellationToken ct = default)
    {
        if ((ExplicitFile("AGENTPLATFORM_IP") ?? search.Find("ip").FirstOrDefault()) is { } program)
        {
            return new IpProgram(program, Libraries: null);
        }

        var root = cache.Find("iproute2") ?? await Fetch(
            "ip", fetched.Iproute2, NoContainer<string>, "sudo apt-get install iproute2", "set AGENTPLATFORM_IP to the program", "do without: tests of networks that break are then skipped", ct);
        return new IpProgram(FirstIn(root, "ip"), FetchFromDebian.LibraryPath(root));
    }

    /// <summary>Chromium or a browser of its family, or null: it is too large to be fetched unasked. <c>AGENTPLATFORM_CHROMIUM</c> names the program.</summary>
    public string? FindChromium() =>
        ExplicitFile("AGENTPLATFORM_CHROMIUM")
        ?? Browsers.SelectMany(search.Find).FirstOrDefault();

    private static Task<T?> NoContainer<T>(CancellationToken ct)
        where T : class => Task.FromResult<T?>(null);

    private async Task<T> Fetch<T>(
        string what, Func<CancellationToken, Task<T>> fetch, Func<CancellationToken, Task<T?>> inContainer, string install, string point, string otherwise, CancellationToken ct)
        where T : class
    {
        var (why, cause) = ("fetching is switched off", (Exception?)null);
        if (options.MayFetch)
        {
            try
            {
                return await fetch(ct);
            }
            catch (Exception error) when (IsFailure(error))
            {
                (why, cause) = ($"fetching it failed ({error.Message})", error);
            }
        }

        try
        {
            if (await inContainer(ct) is { } found)
            {
                return found;
            }
        }
        catch (Exception error) when (IsFailure(error))
        {
            (why, cause) = ($"{why}, and running it in a container failed too ({error.Message})", error);
        }

        throw new ProgramMissingException(
            $"{what} was not found in PATH, the usual folders or {cache.Folder}, and {why}. Three ways to get it: (1) {install}; (2) {point}; (3) {otherwise}.", cause);

        static bool IsFailure(Exception error) => error is ToolFailedException or ProgramMissingException or TimeoutException or IOException or UnauthorizedAccessException;
    }

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
