namespace AgentPlatform.Provisioning.Programs;

/// <summary>The programs of one PostgreSQL installation.</summary>
/// <param name="Folder">The folder that holds <c>initdb</c> and <c>postgres</c>.</param>
public sealed record PostgresPrograms(string Folder)
{
    /// <summary>True: they are clients of a container runtime, started as ourselves; the container runs as the owner of the data folder.</summary>
    public bool RunInContainer { get; init; }

    /// <summary>Makes a data folder.</summary>
    public string Initdb => Path.Combine(Folder, "initdb");

    /// <summary>The server.</summary>
    public string Postgres => Path.Combine(Folder, "postgres");

    /// <summary>True when both programs are in the folder.</summary>
    public bool AreThere => File.Exists(Initdb) && File.Exists(Postgres);
}
