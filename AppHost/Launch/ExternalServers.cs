using AgentPlatform.AppHost.Commands;
using AgentPlatform.Provisioning.Files;
using Npgsql;

namespace AgentPlatform.AppHost.Launch;

/// <summary>
/// A PostgreSQL server somebody else runs. A password in its connection string is moved into a file of ours, so that it reaches no
/// environment and no page of the dashboard.
/// </summary>
internal sealed class ExternalPostgres : IPostgres
{
    private readonly NpgsqlConnectionStringBuilder connection;

    public ExternalPostgres(StackContext stack, string connectionString)
    {
        connection = Read(connectionString);
        if (connection.Password is { Length: > 0 } password)
        {
            var file = Path.Combine(stack.Data.Credentials, "postgres-external.password");
            PrivateFiles.Write(file, $"*:*:*:*:{password.Replace("\\", "\\\\", StringComparison.Ordinal).Replace(":", "\\:", StringComparison.Ordinal)}\n");
            connection.Password = null;
            connection.Passfile = file;
        }
    }

    public LaunchDescription Describe() => new([], [new Fact("resource.connectionString", connection.ConnectionString, "Connection string")]);

    public string ConnectionString(string database) => new NpgsqlConnectionStringBuilder(connection.ConnectionString) { Database = database }.ConnectionString;

    public async Task EnsureDatabaseAsync(string database, CancellationToken ct)
    {
        await using var source = NpgsqlDataSource.Create(new NpgsqlConnectionStringBuilder(connection.ConnectionString) { Pooling = false });
        await using var exists = source.CreateCommand("select 1 from pg_database where datname = $1");
        exists.Parameters.AddWithValue(database);
        if (await exists.ExecuteScalarAsync(ct) is not null)
        {
            return;
        }

        try
        {
            await using var create = source.CreateCommand($"create database \"{database.Replace("\"", "\"\"", StringComparison.Ordinal)}\"");
            await create.ExecuteNonQueryAsync(ct);
        }
        catch (PostgresException error) when (error.SqlState == PostgresErrorCodes.DuplicateDatabase)
        {
            // Another stack on the same server was faster.
        }
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    public async Task<Running> StartAsync(CancellationToken ct)
    {
        await using var source = NpgsqlDataSource.Create(connection);
        await using var open = await source.OpenConnectionAsync(ct);   // Fails now, with the server's own words, rather than in every service.
        return Running.Thing();
    }

    private static NpgsqlConnectionStringBuilder Read(string connectionString)
    {
        try
        {
            return new NpgsqlConnectionStringBuilder(connectionString);
        }
        catch (ArgumentException error)
        {
            // Without the string itself: it may hold a password.
            throw new WrongUseException($"--external postgres= wants an Npgsql connection string such as \"Host=db;Username=u;Passfile=/path\": {error.Message}");
        }
    }
}

/// <summary>NATS that somebody else runs: one server, or those of a cluster. A token in an address is moved into a file of ours.</summary>
internal sealed class ExternalNats : INats, ILauncher
{
    private readonly List<Uri> servers = [];

    public ExternalNats(StackContext stack, string urls)
    {
        foreach (var url in urls.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
        {
            // Without the text itself: it may hold a token.
            if (!Uri.TryCreate(url, UriKind.Absolute, out var given) || given.Scheme is not ("nats" or "tls"))
            {
                throw new WrongUseException("--external nats= wants an address such as nats://host:4222, or those of all servers of a cluster separated by commas.");
            }

            var address = new UriBuilder(given);
            if (address.UserName is { Length: > 0 } token)
            {
                TokenFile = Path.Combine(stack.Data.Credentials, "nats-external.token");
                PrivateFiles.Write(TokenFile, Uri.UnescapeDataString(token));
                address.UserName = "";
            }

            servers.Add(address.Uri);
        }

        if (servers.Count == 0)
        {
            throw new WrongUseException("--external nats= names no server; it wants an address such as nats://host:4222.");
        }

        Url = string.Join(',', servers.Select(server => server.ToString().TrimEnd('/')));
    }

    public string Url { get; }

    public string? TokenFile { get; }

    public int StreamCopies => servers.Count >= 3 ? 3 : 1;

    public ILauncher Node(int index) => this;

    public LaunchDescription Describe() => new([], [new Fact("resource.connectionString", Url, "Connection string")]);

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    /// <summary>One server that answers is enough; the services find the others.</summary>
    public async Task<Running> StartAsync(CancellationToken ct)
    {
        for (var i = 0; ; i++)
        {
            try
            {
                using var probe = new System.Net.Sockets.TcpClient();
                await probe.ConnectAsync(servers[i].Host, servers[i].Port > 0 ? servers[i].Port : 4222, ct);
                return Running.Thing();
            }
            catch (System.Net.Sockets.SocketException) when (i + 1 < servers.Count)
            {
                // The next one, then.
            }
        }
    }
}
