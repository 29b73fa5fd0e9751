using AgentPlatform.Provisioning.Files;
using AgentPlatform.Provisioning.Processes;
using AgentPlatform.Provisioning.Programs;

namespace AgentPlatform.Provisioning.Postgres;

/// <summary>Makes the data folder of a server once, or checks that the one there fits.</summary>
internal static class InitialiseCluster
{
    private const string Ready = "agentplatform.ready";

    public static async Task Run(PostgresOptions options, PostgresAccount account, CancellationToken ct)
    {
        if (File.Exists(Path.Combine(account.DataFolder, Ready)))
        {
            CheckPassword(options, account);
            return;
        }

        if (Directory.Exists(account.DataFolder) && Directory.EnumerateFileSystemEntries(account.DataFolder).Any())
        {
            throw new ServerFailedException($"{account.DataFolder} is not empty and was not made by this platform. Choose another data folder with --data.");
        }

        // Made beside and renamed: an interrupted initdb leaves a folder that is recognised by its name and begun anew.
        var partial = account.DataFolder + ".partial";
        if (Directory.Exists(partial))
        {
            Directory.Delete(partial, recursive: true);
        }

        Directory.CreateDirectory(Path.GetDirectoryName(account.DataFolder)!);
        PrivateFiles.EnsureFolder(partial);
        if (account.User is { } user)
        {
            NativeCalls.GiveTo(partial, user);
        }

        var password = PrivateFiles.NewSecret();
        await Initdb(options, account, partial, password, ct);
        PrivateFiles.Write(options.PasswordFile, $"127.0.0.1:*:*:{options.UserName}:{password}\n");
        PrivateFiles.Write(Path.Combine(partial, Ready), "");
        if (Directory.Exists(account.DataFolder))
        {
            Directory.Delete(account.DataFolder);
        }

        Directory.Move(partial, account.DataFolder);
    }

    /// <summary>The error for a server program that cannot read what another version wrote.</summary>
    public static void CheckVersion(PostgresAccount account, int serverVersion)
    {
        var written = File.ReadAllText(Path.Combine(account.DataFolder, "PG_VERSION")).Trim();
        if (written != $"{serverVersion}")
        {
            throw new ServerFailedException(
                $"{account.DataFolder} was written by PostgreSQL {written}, but the server found is {serverVersion} ({account.Programs.Folder}). "
                + $"Install PostgreSQL {written} or name its folder in AGENTPLATFORM_POSTGRES_BIN; to move on, use pg_upgrade.");
        }
    }

    private static async Task Initdb(PostgresOptions options, PostgresAccount account, string into, string password, CancellationToken ct)
    {
        using var secret = TemporaryFolder.Make(account.User);
        var passwordFile = Path.Combine(secret.Path, "password");
        PrivateFiles.Write(passwordFile, password);
        if (account.User is { } user)
        {
            NativeCalls.GiveTo(passwordFile, user);
        }

        string[] sync = options.IsDurable ? [] : ["--no-sync"];
        await RunTool.Run(
            new ChildProcessStart(account.Programs.Initdb, ["-D", into, "-U", options.UserName, "--pwfile", passwordFile, "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8", .. sync])
            {
                RunAs = account.RunAs,
                InheritEnvironment = false,
                WorkingDirectory = "/",
                Environment = new Dictionary<string, string?> { ["HOME"] = into },
            },
            ct);
    }

    private static void CheckPassword(PostgresOptions options, PostgresAccount account)
    {
        if (!File.Exists(options.PasswordFile))
        {
            throw new ServerFailedException(
                $"The database in {account.DataFolder} is there, but its password file {options.PasswordFile} is not. "
                + $"Restore that file, or begin anew without the old data: rm -r {account.DataFolder}");
        }
    }
}
