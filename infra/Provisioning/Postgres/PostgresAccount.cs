using System.Security.Cryptography;
using System.Text;
using AgentPlatform.Provisioning.Processes;
using AgentPlatform.Provisioning.Programs;

namespace AgentPlatform.Provisioning.Postgres;

/// <summary>
/// Who runs the server, and from where. PostgreSQL refuses to run as root; then it runs as an existing unprivileged user, who may be unable to
/// reach folders below a closed home. What cannot be reached is put below a shared folder instead, and that is said.
/// </summary>
internal sealed record PostgresAccount(UnixUser? User, string DataFolder, PostgresPrograms Programs)
{
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
        if (!await Can(user, "cd \"$0\"", ExistingPart(data), ct))
        {
            data = Path.Combine(options.SharedFolder, options.SharedName ?? Hash(options.DataFolder), "postgres");
            options.Progress($"PostgreSQL runs as user {user.Name}, who cannot reach {options.DataFolder}: its data is in {data}");
        }

        var programs = options.Programs;
        if (!await Can(user, "test -x \"$0\"", programs.Postgres, ct))
        {
            programs = await CopyPrograms(options, ct);
        }

        return new PostgresAccount(user, data, programs);
    }

    /// <summary>An installation is bin, lib and share beside each other; all three are copied, beside and renamed.</summary>
    private static async Task<PostgresPrograms> CopyPrograms(PostgresOptions options, CancellationToken ct)
    {
        var installation = Path.GetDirectoryName(options.Programs.Folder)!;
        var copy = Path.Combine(options.SharedFolder, "programs", Hash(installation));
        if (!Directory.Exists(copy))
        {
            options.Progress($"copying PostgreSQL from {installation}, which its user cannot reach, to {copy}");
            var partial = $"{copy}.{Environment.ProcessId}.partial";
            Directory.CreateDirectory(Path.GetDirectoryName(copy)!);
            await RunTool.Run(new ChildProcessStart("cp", "-a", "--no-preserve=ownership", installation, partial), ct);
            try
            {
                Directory.Move(partial, copy);
            }
            catch (IOException) when (Directory.Exists(copy))
            {
                Directory.Delete(partial, recursive: true);   // Another process was faster; its copy is as good.
            }
        }

        return new PostgresPrograms(Path.Combine(copy, Path.GetFileName(options.Programs.Folder)));
    }

    /// <summary>Asks the kernel rather than computing from modes: access lists and mounts count too.</summary>
    private static async Task<bool> Can(UnixUser user, string script, string path, CancellationToken ct)
    {
        await using var probe = ChildProcess.Start(new ChildProcessStart("sh", "-c", script, path) { RunAs = user.Name, WorkingDirectory = "/", InheritEnvironment = false });
        return await probe.Exited.WaitAsync(ct) == 0;
    }

    private static string ExistingPart(string path)
    {
        while (!Directory.Exists(path))
        {
            path = Path.GetDirectoryName(path) ?? "/";
        }

        return path;
    }

    private static string Hash(string path) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(Path.GetFullPath(path))))[..12];
}
