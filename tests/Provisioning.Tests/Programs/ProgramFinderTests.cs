using AgentPlatform.Provisioning.Files;
using AgentPlatform.Provisioning.Processes;
using AgentPlatform.Provisioning.Programs;

namespace AgentPlatform.Provisioning.Tests.Programs;

public sealed class ProgramFinderTests : IDisposable
{
    private readonly TemporaryFolder folder = TemporaryFolder.Make();
    private readonly Dictionary<string, string> settings = new(StringComparer.Ordinal);

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task An_explicit_program_comes_before_the_path()
    {
        Program("path/nats-server");
        settings["PATH"] = At("path");
        Assert.Equal(At("path/nats-server"), await Finder().FindNatsServer(Ct));

        settings["AGENTPLATFORM_NATS_SERVER"] = Program("mine/nats-server");
        Assert.Equal(At("mine/nats-server"), await Finder().FindNatsServer(Ct));
    }

    [Fact]
    public async Task An_explicit_program_that_is_not_there_is_an_error_and_not_ignored()
    {
        settings["AGENTPLATFORM_NATS_SERVER"] = At("nowhere");
        var error = await Assert.ThrowsAsync<ProgramMissingException>(() => Finder().FindNatsServer(Ct));
        Assert.Contains(At("nowhere"), error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_newest_postgres_that_is_new_enough_is_taken()
    {
        Postgres("pg/9/bin", "9.6");
        Postgres("pg/16/bin", "16.2");
        Postgres("pg/17/bin", "17.1");
        Postgres("old/bin", "14.9");
        settings["PATH"] = At("old/bin");   // First in PATH, but too old.
        Assert.Equal(At("pg/17/bin"), (await Finder("pg/*/bin").FindPostgres(Ct)).Folder);
    }

    [Fact]
    public async Task A_link_leads_to_the_folder_where_initdb_is()
    {
        Postgres("real/bin", "16.2");
        Directory.CreateDirectory(At("links"));
        File.CreateSymbolicLink(At("links/postgres"), At("real/bin/postgres"));
        settings["PATH"] = At("links");
        Assert.Equal(At("real/bin"), (await Finder().FindPostgres(Ct)).Folder);
    }

    [Fact]
    public async Task What_is_in_the_cache_needs_no_network()
    {
        settings["AGENTPLATFORM_CACHE"] = At("cache");
        Program("cache/nats-server/usr/sbin/nats-server");
        Program("cache/poppler-utils/usr/bin/pdftotext");
        File.WriteAllText(Path.Combine(Directory.CreateDirectory(At("cache/poppler-utils/usr/lib/any")).FullName, "libpoppler.so.1"), "");

        Assert.Equal(At("cache/nats-server/usr/sbin/nats-server"), await Finder().FindNatsServer(Ct));

        // As root it is a copy that the users of tools can reach; see below.
        settings["AGENTPLATFORM_SHARED"] = At("shared");
        var pdf = await Finder().FindPdfToText(Ct);
        Assert.EndsWith("/usr/bin/pdftotext", pdf.Executable, StringComparison.Ordinal);
        Assert.Equal(pdf.Executable.Replace("bin/pdftotext", "lib/any", StringComparison.Ordinal), pdf.Libraries);
    }

    [Fact]
    public async Task What_users_of_tools_must_run_lies_where_they_can_reach_it()
    {
        Assert.SkipUnless(Environment.IsPrivilegedProcess, "only root runs tools as other users");
        var nobody = UnixUser.FirstOf("nobody", "daemon")!;
        using var open = TemporaryFolder.Make(nobody);
        settings["AGENTPLATFORM_CACHE"] = At("cache");
        settings["AGENTPLATFORM_SHARED"] = Path.Combine(open.Path, "shared");
        File.SetUnixFileMode(Program("cache/poppler-utils/usr/bin/pdftotext"), UnixFileMode.UserRead | UnixFileMode.UserExecute | UnixFileMode.OtherRead | UnixFileMode.OtherExecute);
        File.SetUnixFileMode(folder.Path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);

        var first = await Finder().FindPdfToText(Ct);
        var again = await Finder().FindPdfToText(Ct);

        Assert.True(await nobody.Can("test -x \"$0\"", first.Executable, Ct), $"{nobody.Name} cannot run {first.Executable}");
        Assert.Equal(first, again);
    }

    [Fact]
    public async Task What_is_nowhere_is_named_with_three_ways_to_get_it()
    {
        var error = await Assert.ThrowsAsync<ProgramMissingException>(() => Finder().FindPostgres(Ct));
        Assert.Contains("PostgreSQL was not found", error.Message, StringComparison.Ordinal);
        Assert.Contains("(1) sudo apt-get install", error.Message, StringComparison.Ordinal);
        Assert.Contains("(2) set AGENTPLATFORM_POSTGRES_BIN", error.Message, StringComparison.Ordinal);
        Assert.Contains("(3) --external postgres=", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_browser_is_found_or_it_is_not_but_never_fetched()
    {
        Assert.Null(Finder().FindChromium());
        Program("path/google-chrome");
        settings["PATH"] = At("path");
        Assert.Equal(At("path/google-chrome"), Finder().FindChromium());
    }

    [Theory]
    [InlineData("AGENTPLATFORM_CACHE=/a XDG_CACHE_HOME=/b HOME=/c", "/a")]
    [InlineData("XDG_CACHE_HOME=/b HOME=/c", "/b/agentplatform")]
    [InlineData("HOME=/c", "/c/.cache/agentplatform")]
    public void The_cache_lies_where_the_user_wants_it(string given, string expected)
    {
        var environment = given.Split(' ').Select(pair => pair.Split('=')).ToDictionary(pair => pair[0], pair => pair[1], StringComparer.Ordinal);
        Assert.Equal(expected, new ProgramFinderOptions { Setting = environment.GetValueOrDefault }.CacheFolder);
    }

    public void Dispose() => folder.Dispose();

    private ProgramFinder Finder(params string[] usualFolders) => new(new ProgramFinderOptions
    {
        Setting = name => settings.GetValueOrDefault(name, name == "HOME" ? folder.Path : ""),
        UsualFolders = [.. usualFolders.Select(At)],
        MayFetch = false,
    });

    private string At(string path) => Path.Combine(folder.Path, path);

    private void Postgres(string bin, string version)
    {
        Program(bin + "/initdb");
        Program(bin + "/postgres", $"#!/bin/sh\necho 'postgres (PostgreSQL) {version}'\n");
    }

    private string Program(string path, string content = "#!/bin/sh\n")
    {
        var file = At(path);
        Directory.CreateDirectory(Path.GetDirectoryName(file)!);
        File.WriteAllText(file, content);
        File.SetUnixFileMode(file, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        return file;
    }
}
