using System.Text.RegularExpressions;

namespace AgentPlatform.ToolGateway.Policy;

/// <summary>Patterns of paths: <c>*</c> and <c>?</c> stay within a folder, <c>**</c> is anything, <c>**/</c> any number of folders.</summary>
internal static class PathPattern
{
    // What ends a word on a command line.
    private const string Ends = @"\s'""`;|&<>(){},";

    /// <summary>A regular expression that finds a path that fits one of the patterns, by itself or as a word of a command line.</summary>
    public static string Anywhere(IEnumerable<string> patterns) => $"(?:^|[{Ends}=:])(?:\\./)*(?:{string.Join('|', patterns.Select(p => Expression(p, $"[^{Ends}]", $"[^/{Ends}]")))})(?:$|[{Ends}])";

    /// <summary>Whether a text as a whole is a path that fits one of the patterns, and does not leave it upwards.</summary>
    public static bool IsWithin(IEnumerable<string> patterns, string text) =>
        !text.Split('/').Contains("..")
        && patterns.Any(p => Regex.IsMatch(text, $"^(?:\\./)*(?:{Expression(p, "[^\n]", "[^/\n]")})\\z", RegexOptions.NonBacktracking | RegexOptions.CultureInvariant));

    private static string Expression(string pattern, string any, string withinFolder) => Regex.Escape(pattern.Replace('\\', '/'))
        .Replace(@"\*\*/", $"(?:{any}*/)?", StringComparison.Ordinal)
        .Replace(@"\*\*", $"{any}*", StringComparison.Ordinal)
        .Replace(@"\*", $"{withinFolder}*", StringComparison.Ordinal)
        .Replace(@"\?", withinFolder, StringComparison.Ordinal);
}
