using System.Globalization;
using System.Text.RegularExpressions;

namespace AgentPlatform.Provisioning.Programs;

/// <summary>Reads <c>postgres (PostgreSQL) 15.18 (Debian ...)</c>.</summary>
internal static partial class PostgresVersion
{
    /// <summary>The major version; 0 when the text names none.</summary>
    public static int Parse(string said) =>
        Number().Match(said) is { Success: true } match ? int.Parse(match.Groups["major"].Value, CultureInfo.InvariantCulture) : 0;

    [GeneratedRegex(@"PostgreSQL\) (?<major>[0-9]+)", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Number();
}
