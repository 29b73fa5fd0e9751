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
}
