using System.Globalization;
using AgentPlatform.Provisioning.Files;
using AgentPlatform.Provisioning.Processes;
using AgentPlatform.Provisioning.Programs;
using Npgsql;

namespace AgentPlatform.Provisioning.Postgres;

/// <summary>A PostgreSQL server as a child process: made on first start, reachable on loopback only, gone when we are.</summary>
public sealed class PostgresServer : IAsyncDisposable
{
    private static readonly TimeSpan RetryEvery = TimeSpan.FromMilliseconds(100);

    private readonly PostgresOptions options;
    private readonly TimeProvider time;
    private TemporaryFolder? temporary;
    private ChildProcess? process;
    private string superuserConnection = "";

    /// <summary>A server that is not started yet.</summary>
    public PostgresServer(PostgresOptions options, TimeProvider? time = null)
    {
        ArgumentNullException.ThrowIfNull(options);
        options.Check();
        this.options = options;
        this.time = time ?? TimeProvider.System;
        superuserConnection = ConnectionString("postgres");
    }

    /// <summary>The loopback port.</summary>
    public int Port => options.Port;

    /// <summary>The folder in use; not the one asked for when that cannot be reached by the user PostgreSQL runs as.</summary>
    public string DataFolder { get; private set; } = "";

    /// <summary>The process id, or null while it is stopped.</summary>
    public int? ProcessId => process is { IsRunning: true } running ? running.Id : null;

    /// <summary>Completes with the exit code when the present process ends, for whatever reason.</summary>
    public Task<int> Exited => process?.Exited ?? Task.FromResult(0);

    /// <summary>
    /// A server for tests: free port, temporary folder, both gone after disposal. <paramref name="durable"/> makes commits wait for the disk,
    /// which only a benchmark needs: a killed server loses nothing either way.
    /// </summary>
    public static async Task<PostgresServer> StartTemporaryAsync(bool durable = false, int connectionsMax = 200, CancellationToken ct = default)
    {
        var programs = await new ProgramFinder().FindPostgres(ct);
        return await StartTemporary.Server(Make, server => server.StartAsync(ct));

        PostgresServer Make()
        {
            var folder = TemporaryFolder.Make(PostgresAccount.UserForRoot());
            return new PostgresServer(new PostgresOptions
            {
                Programs = programs,
                DataFolder = Path.Combine(folder.Path, "data"),
                PasswordFile = Path.Combine(folder.Path, "password"),
                Port = LoopbackPorts.Next(),
                IsDurable = durable,
                ConnectionsMax = connectionsMax,
            })
            { temporary = folder };
        }
    }

    /// <summary>Makes the cluster if there is none, starts the server and waits until it accepts connections.</summary>
    /// <exception cref="PortInUseException">The port is taken.</exception>
    /// <exception cref="ServerFailedException">It did not start; the message holds its last lines.</exception>
    public async Task StartAsync(CancellationToken ct = default)
    {
        if (process is { IsRunning: true })
        {
            return;
        }

        var begun = time.GetTimestamp();
        if (!options.Programs.RunInContainer)
        {
            LoopbackPorts.ThrowIfTaken(options.Port, "PostgreSQL");   // A container that outlived its client holds the port until the next start removes it.
        }

        var account = await PostgresAccount.Choose(options, ct);
        DataFolder = account.DataFolder;
        await InitialiseCluster.Run(options, account, ct);
        await Predecessor.WaitUntilGone(DataFolder, options.StartTimeout, time, ct);
        InitialiseCluster.CheckVersion(account, await VersionOf(account.Programs, ct));
        while (true)
        {
            try
            {
                process = await StartServer.Start(Command(account), "PostgreSQL", SaysReady, options.StartTimeout, ct);
                return;
            }
            catch (ServerFailedException error) when (IsOnlyTooEarly(error) && time.GetElapsedTime(begun) < options.StartTimeout)
            {
                await Task.Delay(RetryEvery, time, ct);
            }
            catch (ServerFailedException error) when (error.Message.Contains("Address already in use", StringComparison.Ordinal))
            {
                throw new PortInUseException(options.Port, "PostgreSQL");
            }
        }
    }

    /// <summary>Fast shutdown: open transactions are rolled back, the cluster is left clean.</summary>
    public async Task StopAsync()
    {
        if (process is not null)
        {
            NpgsqlConnection.ClearAllPools();
            await process.StopAsync();
        }
    }

    /// <summary>Kills the server like a crash would; the next start recovers.</summary>
    public async Task KillAsync()
    {
        if (process is not null)
        {
            await process.KillAsync();
        }
    }

    /// <summary>For Npgsql. It names the password file instead of holding the password, so it may be shown and put into an environment.</summary>
    public string ConnectionString(string database) => new NpgsqlConnectionStringBuilder
    {
        Host = "127.0.0.1",
        Port = options.Port,
        Username = options.UserName,
        Database = database,
        Passfile = options.PasswordFile,
        SslMode = SslMode.Disable,
        GssEncryptionMode = GssEncryptionMode.Disable,   // Else Npgsql looks for Kerberos first, and complains where there is none.
    }.ConnectionString;

    /// <summary>Makes the database unless it is there; may be called by many at once.</summary>
    public async Task EnsureDatabaseAsync(string name, CancellationToken ct = default)
    {
        await using var source = NpgsqlDataSource.Create(superuserConnection + ";Pooling=false");
        await using (var exists = source.CreateCommand("select 1 from pg_database where datname = $1"))
        {
            exists.Parameters.AddWithValue(name);
            if (await exists.ExecuteScalarAsync(ct) is not null)
            {
                return;
            }
        }

        try
        {
            // template0, because a connection to template1 by anybody else would refuse the copy.
            await using var create = source.CreateCommand($"create database {Quoted(name)} template template0");
            await create.ExecuteNonQueryAsync(ct);
        }
        catch (PostgresException error) when (error.SqlState is PostgresErrorCodes.DuplicateDatabase or PostgresErrorCodes.UniqueViolation)
        {
            // Another caller was faster: the database is there, which is all we want.
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (process is not null)
        {
            await StopAsync();
            await process.DisposeAsync();
        }

        temporary?.Dispose();
    }

    private static bool SaysReady(string line) => line.Contains("database system is ready to accept connections", StringComparison.Ordinal);

    // After a kill the old server's backends notice within moments; until then they hold its shared memory.
    private static bool IsOnlyTooEarly(ServerFailedException error) =>
        error.Message.Contains("pre-existing shared memory block", StringComparison.Ordinal) || error.Message.Contains("\"postmaster.pid\" already exists", StringComparison.Ordinal);

    private static string Quoted(string name) => $"\"{name.Replace("\"", "\"\"", StringComparison.Ordinal)}\"";

    private static async Task<int> VersionOf(PostgresPrograms programs, CancellationToken ct)
    {
        var said = await RunTool.Run(new ChildProcessStart(programs.Postgres, "-V") { InheritEnvironment = false }, ct);
        return PostgresVersion.Parse(string.Join(' ', said));
    }

    private ChildProcessStart Command(PostgresAccount account)
    {
        var onlyDurable = options.IsDurable ? "on" : "off";
        string[] settings =
        [
            "listen_addresses=127.0.0.1", $"port={options.Port}", "unix_socket_directories=", $"max_connections={options.ConnectionsMax}",
            $"shared_buffers={options.SharedBuffersMegabytes}MB", "max_wal_size=1GB", "logging_collector=off", "log_destination=stderr", "lc_messages=C",
            "password_encryption=scram-sha-256",

            // A commit is always handed to the kernel before it is reported, so killing the server never loses one; only the wait for the disk is optional.
            "synchronous_commit=on", $"fsync={onlyDurable}", $"full_page_writes={onlyDurable}",
        ];
        return new ChildProcessStart(account.Programs.Postgres, ["-D", account.DataFolder, .. settings.SelectMany(setting => new[] { "-c", setting })])
        {
            RunAs = account.RunAs,
            WorkingDirectory = account.DataFolder,
            InheritEnvironment = false,
            Environment = new Dictionary<string, string?> { ["HOME"] = account.DataFolder },
            StopSignal = Signal.Interrupt,
            OnParentDeath = Signal.Interrupt,
            StopTimeout = options.StopTimeout,
            OnLine = options.OnLine,
        };
    }
}
