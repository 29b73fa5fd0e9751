namespace AgentPlatform.Provisioning.Programs;

/// <summary>Where to look for programs, and what to do when they are not there.</summary>
public sealed record ProgramFinderOptions
{
    /// <summary>Reads a setting; the process environment unless a test says otherwise.</summary>
    public Func<string, string?> Setting { get; init; } = Environment.GetEnvironmentVariable;

    /// <summary>Folders that are searched besides PATH; a <c>*</c> stands for any version, the newest first.</summary>
    public IReadOnlyList<string> UsualFolders { get; init; } =
        ["/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/usr/local/bin", "/usr/bin", "/usr/local/sbin", "/usr/sbin", "/opt/homebrew/bin"];

    /// <summary>False: a missing program is an error at once, nothing is downloaded.</summary>
    public bool MayFetch { get; init; } = true;

    /// <summary>How long one program may take to download and unpack, the wait for another process that fetches it included.</summary>
    public TimeSpan FetchTimeout { get; init; } = TimeSpan.FromMinutes(10);

    /// <summary>The oldest PostgreSQL that is accepted.</summary>
    public int PostgresVersionMin { get; init; } = 15;

    /// <summary>Told what happens while a program is fetched.</summary>
    public Action<string> Progress { get; init; } = static _ => { };

    /// <summary>Where fetched programs are kept.</summary>
    public string CacheFolder =>
        Setting("AGENTPLATFORM_CACHE") is { Length: > 0 } own ? own
        : Setting("XDG_CACHE_HOME") is { Length: > 0 } xdg ? Path.Combine(xdg, "agentplatform")
        : Path.Combine(Setting("HOME") is { Length: > 0 } home ? home : Path.GetTempPath(), ".cache", "agentplatform");

    /// <summary>
    /// Where root puts copies of programs that unprivileged users must run and cannot reach in the cache: <c>AGENTPLATFORM_SHARED</c>, else
    /// <c>/var/lib/agentplatform</c>.
    /// </summary>
    public string SharedFolder => Setting("AGENTPLATFORM_SHARED") is { Length: > 0 } own ? own : "/var/lib/agentplatform";
}
