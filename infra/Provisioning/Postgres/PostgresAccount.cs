using AgentPlatform.Provisioning.Processes;
using AgentPlatform.Provisioning.Programs;

namespace AgentPlatform.Provisioning.Postgres;

/// <summary>
/// Who runs the server, and from where. PostgreSQL refuses to run as root; then it runs as an existing unprivileged user, who may be unable to
/// reach folders below a closed home. What cannot be reached is put below a shared folder instead, and that is said.
/// </summary>
internal sealed record PostgresAccount(UnixUser? User, string DataFolder, PostgresPrograms Programs)
{
    /// <summary>As whom the programs are started; ourselves when null.</summary>
    public string? RunAs => Programs.RunInContainer ? null : User?.Name;

    public static UnixUser? UserForRoot() => Environment.IsPrivilegedProcess
        ? UnixUser.FirstOf("postgres", "nobody", "daemon")
            ?? throw new ProgramMissingException("PostgreSQL refuses to run as root, and none of the users postgres, nobody and daemon exists. Run as an ordinary user, or: useradd --system postgres")
        : null;

    public static async Task<PostgresAccount> Choose(PostgresOptions options, CancellationToken ct)
    {
        if (UserForRoot() is not { } user)
        {
            return new PostgresAccount(null, options.DataFolder, options.Programs);
        }

        var data = options.DataFolder;
        if (!await user.Can("cd \"$0\"", ExistingPart(data), ct))
        {
            data = Path.Combine(options.SharedFolder, options.SharedName ?? SharedPrograms.Hash(options.DataFolder), "postgres");
            options.Progress($"PostgreSQL runs as user {user.Name}, who cannot reach {options.DataFolder}: its data is in {data}");
        }

        if (options.Programs.RunInContainer)
        {
            return new PostgresAccount(user, data, options.Programs);
        }

        // An installation is bin, lib and share beside each other; all three are copied.
        var installation = Path.GetDirectoryName(options.Programs.Folder)!;
        var reachable = await SharedPrograms.Reachable(installation, options.Programs.Postgres, user, options.SharedFolder, options.Progress, ct);
        return new PostgresAccount(user, data, new PostgresPrograms(Path.Combine(reachable, Path.GetFileName(options.Programs.Folder))));
    }

    private static string ExistingPart(string path)
    {
        while (!Directory.Exists(path))
        {
            path = Path.GetDirectoryName(path) ?? "/";
        }

        return path;
    }
}
