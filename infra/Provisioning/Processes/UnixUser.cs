using System.Globalization;

namespace AgentPlatform.Provisioning.Processes;

/// <summary>A line of the user database.</summary>
/// <param name="Name">The login name.</param>
/// <param name="Id">The numeric user id.</param>
/// <param name="Group">The numeric id of the main group.</param>
public sealed record UnixUser(string Name, uint Id, uint Group)
{
    private const string Database = "/etc/passwd";

    /// <summary>The first of the named users that exists on this machine, or null.</summary>
    public static UnixUser? FirstOf(params ReadOnlySpan<string> names)
    {
        var known = File.Exists(Database)
            ? File.ReadLines(Database).Select(line => line.Split(':')).Where(fields => fields.Length > 3).ToArray()
            : [];
        foreach (var name in names)
        {
            if (Array.Find(known, fields => fields[0] == name) is { } fields
                && uint.TryParse(fields[2], NumberStyles.None, CultureInfo.InvariantCulture, out var id)
                && uint.TryParse(fields[3], NumberStyles.None, CultureInfo.InvariantCulture, out var group))
            {
                return new UnixUser(name, id, group);
            }
        }

        return null;
    }

    /// <summary>Asks the kernel what the user may do, rather than computing it from modes: access lists and mounts count too. Only root can ask.</summary>
    /// <param name="script">For <c>sh -c</c>, with the path as <c>$0</c>.</param>
    /// <param name="path">The path.</param>
    /// <param name="ct">Cancels.</param>
    internal async Task<bool> Can(string script, string path, CancellationToken ct)
    {
        await using var probe = ChildProcess.Start(new ChildProcessStart("sh", "-c", script, path) { RunAs = Name, WorkingDirectory = "/", InheritEnvironment = false });
        return await probe.Exited.WaitAsync(ct) == 0;
    }
}
