namespace AgentPlatform.AppHost.Launch;

/// <summary>A PostgreSQL server, ours or not.</summary>
internal interface IPostgres : ILauncher, IAsyncDisposable
{
    /// <summary>Names a password file, holds no password.</summary>
    string ConnectionString(string database);

    Task EnsureDatabaseAsync(string database, CancellationToken ct);
}

/// <summary>NATS, ours or not, one server or several.</summary>
internal interface INats : IAsyncDisposable
{
    /// <summary>Of all servers, separated by commas; without a token.</summary>
    string Url { get; }

    /// <summary>How many copies of a stream it is asked to keep.</summary>
    int StreamCopies { get; }

    ILauncher Node(int index);

    string? TokenFile { get; }
}
