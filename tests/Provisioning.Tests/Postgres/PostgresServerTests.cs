using System.Net;
using System.Net.Sockets;
using AgentPlatform.Provisioning.Files;
using AgentPlatform.Provisioning.Postgres;
using AgentPlatform.Provisioning.Processes;
using AgentPlatform.Provisioning.Programs;
using AgentPlatform.Provisioning.Tests.Processes;
using Npgsql;

namespace AgentPlatform.Provisioning.Tests.Postgres;

public sealed class PostgresServerTests : IAsyncLifetime
{
    private readonly TemporaryFolder folder = TemporaryFolder.Make(PostgresAccount.UserForRoot());
    private readonly List<PostgresServer> servers = [];

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task What_was_committed_is_there_after_a_kill()
    {
        await using var server = await PostgresServer.StartTemporaryAsync(ct: Ct);
        await server.EnsureDatabaseAsync("runs", Ct);
        await Execute(server, "runs", "create table facts (text text); insert into facts values ('kept')");

        await server.KillAsync();
        Assert.Null(server.ProcessId);
        await server.StartAsync(Ct);

        Assert.Equal("kept", await Execute(server, "runs", "select text from facts"));
    }

    [Fact]
    public async Task Many_callers_may_want_the_same_database_at_once()
    {
        await using var server = await PostgresServer.StartTemporaryAsync(ct: Ct);
        await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => server.EnsureDatabaseAsync("with \"quotes\"", Ct)));
        Assert.Equal("with \"quotes\"", await Execute(server, "with \"quotes\"", "select current_database()"));
    }

    [Fact]
    public async Task A_server_of_our_own_waits_for_the_disk_and_listens_on_loopback_only()
    {
        var server = await Started(await Options());
        Assert.Equal("on", await Execute(server, "postgres", "show fsync"));
        Assert.Equal("on", await Execute(server, "postgres", "show synchronous_commit"));
        Assert.Equal("127.0.0.1", await Execute(server, "postgres", "show listen_addresses"));
        Assert.Equal("UTF8", await Execute(server, "postgres", "show server_encoding"));
    }

    [Fact]
    public async Task The_password_is_in_a_closed_file_and_nowhere_else()
    {
        var options = await Options();
        var server = await Started(options);
        var password = (await File.ReadAllTextAsync(options.PasswordFile, Ct)).Trim().Split(':')[^1];

        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(options.PasswordFile));
        Assert.DoesNotContain(password, server.ConnectionString("postgres"), StringComparison.Ordinal);
        Assert.DoesNotContain(password, await File.ReadAllTextAsync($"/proc/{server.ProcessId}/cmdline", Ct), StringComparison.Ordinal);
        Assert.DoesNotContain(password, await File.ReadAllTextAsync($"/proc/{server.ProcessId}/environ", Ct), StringComparison.Ordinal);
        var refused = await Assert.ThrowsAsync<PostgresException>(() => Execute(server.ConnectionString("postgres") + ";Password=wrong", "select 1"));
        Assert.Equal(PostgresErrorCodes.InvalidPassword, refused.SqlState);
    }

    [Fact]
    public async Task A_stale_lock_file_that_names_a_living_stranger_does_not_stop_a_start()
    {
        var options = await Options();
        var server = await Started(options);
        await server.KillAsync();
        await File.WriteAllTextAsync(Path.Combine(server.DataFolder, "postmaster.pid"), $"{Environment.ProcessId}\n{server.DataFolder}\n", Ct);

        await server.StartAsync(Ct);
        Assert.Equal(1, await Execute(server, "postgres", "select 1"));
    }

    [Fact]
    public async Task A_second_server_on_the_same_folder_is_refused_with_the_id_of_the_first()
    {
        var options = await Options();
        var first = await Started(options);
        var second = new PostgresServer(options with { Port = LoopbackPorts.Next(), StartTimeout = TimeSpan.FromMilliseconds(300) });

        var refused = await Assert.ThrowsAsync<ServerFailedException>(() => second.StartAsync(Ct));
        Assert.Contains($"process {first.ProcessId}", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_taken_port_is_named()
    {
        using var squatter = new TcpListener(IPAddress.Loopback, 0);
        squatter.Start();
        var port = ((IPEndPoint)squatter.LocalEndpoint).Port;
        var options = await Options();

        var refused = await Assert.ThrowsAsync<PortInUseException>(() => new PostgresServer(options with { Port = port }).StartAsync(Ct));
        Assert.Equal(port, refused.Port);
        Assert.False(Directory.Exists(options.DataFolder));
    }

    [Fact]
    public async Task An_interrupted_initialisation_is_begun_anew()
    {
        var options = await Options();
        Directory.CreateDirectory(options.DataFolder + ".partial");
        await File.WriteAllTextAsync(options.DataFolder + ".partial/PG_VERSION", "half", Ct);
        Assert.Equal(1, await Execute(await Started(options), "postgres", "select 1"));
    }

    [Fact]
    public async Task A_folder_with_something_else_in_it_is_left_alone()
    {
        var options = await Options();
        Directory.CreateDirectory(options.DataFolder);
        var precious = Path.Combine(options.DataFolder, "thesis.txt");
        await File.WriteAllTextAsync(precious, "years of work", Ct);

        await Assert.ThrowsAsync<ServerFailedException>(() => new PostgresServer(options).StartAsync(Ct));
        Assert.Equal("years of work", await File.ReadAllTextAsync(precious, Ct));
    }

    [Fact]
    public async Task Data_of_another_major_version_is_refused_by_name()
    {
        var options = await Options();
        var server = await Started(options);
        await server.StopAsync();
        await File.WriteAllTextAsync(Path.Combine(server.DataFolder, "PG_VERSION"), "13\n", Ct);

        var refused = await Assert.ThrowsAsync<ServerFailedException>(() => server.StartAsync(Ct));
        Assert.Contains("written by PostgreSQL 13", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Root_puts_the_data_where_the_unprivileged_user_can_reach_it()
    {
        Assert.SkipUnless(Environment.IsPrivilegedProcess, "only root runs PostgreSQL as another user");
        using var closed = TemporaryFolder.Make();   // Belongs to root, mode 0700.
        var said = new List<string>();
        var options = await Options() with { DataFolder = Path.Combine(closed.Path, "data"), SharedFolder = Path.Combine(folder.Path, "shared"), Progress = said.Add };
        Directory.CreateDirectory(options.SharedFolder);

        var server = await Started(options);
        Assert.StartsWith(options.SharedFolder, server.DataFolder, StringComparison.Ordinal);
        Assert.Contains(said, line => line.Contains(server.DataFolder, StringComparison.Ordinal));
        Assert.Equal(1, await Execute(server, "postgres", "select 1"));
    }

    [Fact]
    public async Task A_temporary_server_leaves_nothing_behind()
    {
        string data;
        await using (var server = await PostgresServer.StartTemporaryAsync(ct: Ct))
        {
            data = server.DataFolder;
            Assert.True(Directory.Exists(data));
        }

        Assert.False(Directory.Exists(Path.GetDirectoryName(data)));
    }

    [Fact]
    public async Task It_ends_when_its_parent_is_killed_and_its_folder_goes_with_the_next_one()
    {
        var data = "";
        using var child = await ParentToKill.StartAndKill("postgres", postgres => data = File.ResolveLinkTarget($"/proc/{postgres.Id}/cwd", returnFinalTarget: false)!.FullName);
        await child.WaitForExitAsync(Ct).WaitAsync(TimeSpan.FromSeconds(20), Ct);

        // Another test may be removing the same left-over at this moment; then it is gone a moment later.
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(Ct);
        deadline.CancelAfter(TimeSpan.FromSeconds(20));
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(50));
        do
        {
            TemporaryFolder.Make().Dispose();
        }
        while (Directory.Exists(data) && await timer.WaitForNextTickAsync(deadline.Token));
    }

    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    public async ValueTask DisposeAsync()
    {
        foreach (var server in servers)
        {
            await server.DisposeAsync();
        }

        folder.Dispose();
    }

    private static Task<object?> Execute(PostgresServer server, string database, string sql) => Execute(server.ConnectionString(database), sql);

    private static async Task<object?> Execute(string connectionString, string sql)
    {
        await using var source = NpgsqlDataSource.Create(connectionString + ";Pooling=false");
        await using var command = source.CreateCommand(sql);
        return await command.ExecuteScalarAsync(Ct);
    }

    private async Task<PostgresOptions> Options() => new()
    {
        Programs = await new ProgramFinder().FindPostgres(Ct),
        DataFolder = Path.Combine(folder.Path, "data"),
        PasswordFile = Path.Combine(folder.Path, "password"),
        Port = LoopbackPorts.Next(),
    };

    private async Task<PostgresServer> Started(PostgresOptions options)
    {
        var server = new PostgresServer(options);
        servers.Add(server);
        await server.StartAsync(Ct);
        return server;
    }
}
