using AgentPlatform.Provisioning.Files;
using AgentPlatform.Provisioning.Nats;
using AgentPlatform.Provisioning.Postgres;
using AgentPlatform.Provisioning.Processes;
using AgentPlatform.Provisioning.Programs;
using Npgsql;

namespace AgentPlatform.Provisioning.Tests.Programs;

/// <summary>What happens when a program is nowhere and cannot be fetched, but a container runtime works.</summary>
public sealed class ContainerProgramsTests : IDisposable
{
    // A runtime that has the image, or has to pull it first, and writes down how it is called.
    private const string WithImage = """
        #!/bin/sh
        echo "$*" >> "$(dirname "$0")/calls"

        """;

    private const string WithoutImage = WithImage + "case \"$1\" in image) exit 1 ;; esac\n";

    private readonly TemporaryFolder folder = TemporaryFolder.Make(PostgresAccount.UserForRoot());
    private readonly Dictionary<string, string> settings = new(StringComparer.Ordinal);
    private readonly List<string> said = [];

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_server_that_is_nowhere_runs_in_a_container()
    {
        Program("podman", WithImage);

        var postgres = await new ProgramFinder(Options(mayFetch: false)).FindPostgres(Ct);
        var data = Directory.CreateDirectory(At("data folder")).FullName;
        await RunTool.Run(new ChildProcessStart(postgres.Postgres, "-D", data, "-c", "port=1"), Ct);

        Assert.True(postgres.RunInContainer);
        Assert.StartsWith("rm --force agentplatform-", Calls()[^2], StringComparison.Ordinal);
        var run = Calls()[^1];
        Assert.StartsWith("run --rm --network host", run, StringComparison.Ordinal);
        Assert.Contains($"source={data},target={data}", run, StringComparison.Ordinal);
        Assert.EndsWith($"docker.io/library/postgres:17 -D {data} -c port=1", run, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_image_that_is_not_there_is_pulled_and_that_is_said()
    {
        Program("podman", WithoutImage);

        Assert.NotNull(await Containers(mayFetch: true).NatsServer(Ct));

        Assert.Contains(said, line => line.StartsWith("pulling docker.io/library/nats:", StringComparison.Ordinal));
        Assert.Contains(Calls(), call => call.StartsWith("pull docker.io/library/nats:", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Nothing_is_pulled_when_nothing_may_be_fetched()
    {
        Program("podman", WithoutImage);

        var missing = await Assert.ThrowsAsync<ProgramMissingException>(() => new ProgramFinder(Options(mayFetch: false)).FindNatsServer(Ct));

        Assert.Contains("fetching is switched off", missing.Message, StringComparison.Ordinal);
        Assert.DoesNotContain(Calls(), call => call.StartsWith("pull", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_client_without_its_engine_is_no_runtime()
    {
        Program("docker", "#!/bin/sh\nexit 1\n");

        Assert.Null(await Containers(mayFetch: true).NatsServer(Ct));
    }

    [Fact]
    public async Task What_the_runtime_said_is_in_the_error()
    {
        Program("podman", "#!/bin/sh\ncase $1 in image) exit 1 ;; pull) echo 'no route to registry' >&2; exit 125 ;; esac\n");

        var failed = await Assert.ThrowsAsync<ToolFailedException>(() => Containers(mayFetch: true).NatsServer(Ct));

        Assert.Contains("no route to registry", failed.Message, StringComparison.Ordinal);
    }

    /// <summary>With a real runtime and images that are there: name them in AGENTPLATFORM_TEST_POSTGRES_IMAGE and AGENTPLATFORM_TEST_NATS_IMAGE.</summary>
    [Fact]
    public async Task Both_servers_really_run_stop_and_come_back_after_a_kill()
    {
        var (postgresImage, natsImage) = (Environment.GetEnvironmentVariable("AGENTPLATFORM_TEST_POSTGRES_IMAGE"), Environment.GetEnvironmentVariable("AGENTPLATFORM_TEST_NATS_IMAGE"));
        Assert.SkipWhen(string.IsNullOrEmpty(postgresImage) || string.IsNullOrEmpty(natsImage), "no images are named; see the comment of this test");
        settings["AGENTPLATFORM_POSTGRES_IMAGE"] = postgresImage;
        settings["AGENTPLATFORM_NATS_IMAGE"] = natsImage;
        foreach (var name in new[] { "PATH", "HOME", "DOCKER_HOST", "CONTAINERS_CONF", "CONTAINERS_STORAGE_CONF", "XDG_RUNTIME_DIR" })
        {
            settings[name] = Environment.GetEnvironmentVariable(name) ?? "";
        }

        var containers = Containers(mayFetch: false);
        var programs = Assert.IsType<PostgresPrograms>(await containers.Postgres(Ct));
        await using var postgres = new PostgresServer(new PostgresOptions
        {
            Programs = programs,
            DataFolder = At("postgres"),
            PasswordFile = At("password"),
            SharedFolder = At("shared"),
            Port = LoopbackPorts.Next(),
        });
        await postgres.StartAsync(Ct);
        await postgres.EnsureDatabaseAsync("works", Ct);
        await postgres.KillAsync();
        await postgres.StartAsync(Ct);
        await using (var source = NpgsqlDataSource.Create(postgres.ConnectionString("works")))
        await using (var one = source.CreateCommand("select 1"))
        {
            Assert.Equal(1, await one.ExecuteScalarAsync(Ct));
        }

        await using var nats = new NatsServer(new NatsOptions { Program = (await containers.NatsServer(Ct))!, DataFolder = At("nats"), Port = LoopbackPorts.Next() });
        await nats.StartAsync(Ct);
        await nats.KillAsync();
        await nats.StartAsync(Ct);
        await nats.StopAsync();
        Assert.True(LoopbackPorts.IsFree(nats.Port));
    }

    public void Dispose() => folder.Dispose();

    private ContainerPrograms Containers(bool mayFetch) => new(new SearchPath(Options(mayFetch)), Options(mayFetch));

    private ProgramFinderOptions Options(bool mayFetch) => new()
    {
        Setting = name => name switch
        {
            "AGENTPLATFORM_CACHE" => At("cache"),
            "PATH" => settings.GetValueOrDefault(name, folder.Path),
            _ => settings.GetValueOrDefault(name, ""),
        },
        UsualFolders = [],
        MayFetch = mayFetch,
        Progress = said.Add,
    };

    private string At(string path) => Path.Combine(folder.Path, path);

    private string[] Calls() => File.ReadAllLines(At("calls"));

    private void Program(string name, string content)
    {
        File.WriteAllText(At(name), content);
        File.SetUnixFileMode(At(name), UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
    }
}
