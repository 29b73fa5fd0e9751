namespace AgentPlatform.AppHost.Launch;

/// <summary>A PostgreSQL server, ours or not.</summary>
internal interface IPostgres : ILauncher, IAsyncDisposable
{
    /// <summary>Names a password file, holds no password.</summary>
    string ConnectionString(string database);

    Task EnsureDatabaseAsync(string database, CancellationToken ct);
}

/// <summary>A NATS server, ours or not.</summary>
internal interface INats : ILauncher, IAsyncDisposable
{
    /// <summary>Without a token.</summary>
    string Url { get; }

    string? TokenFile { get; }
}
