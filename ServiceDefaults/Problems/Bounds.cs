namespace AgentPlatform.ServiceDefaults;

/// <summary>Checks of what callers send, with one wording for all services.</summary>
public static class Bounds
{
    /// <summary>A page size.</summary>
    /// <param name="limit">As sent.</param>
    /// <param name="max">The largest page.</param>
    /// <exception cref="ProblemException">400, outside 1 to <paramref name="max"/>.</exception>
    public static void Limit(int limit, int max)
    {
        if (limit < 1 || limit > max)
        {
            throw new ProblemException(400, "bad-limit", $"'limit' is 1 to {max}, not {limit}");
        }
    }

    /// <summary>A word of an enumeration, as it is written on the wire (snake_case).</summary>
    /// <typeparam name="T">The enumeration.</typeparam>
    /// <param name="word">As sent.</param>
    /// <param name="name">Name of the parameter.</param>
    /// <exception cref="ProblemException">400, not one of the words.</exception>
    public static T Word<T>(string word, string name)
        where T : struct, Enum
    {
        ArgumentNullException.ThrowIfNull(word);
        return Enum.TryParse<T>(word.Replace("_", string.Empty, StringComparison.Ordinal), ignoreCase: true, out var value) && Enum.IsDefined(value) && !char.IsAsciiDigit(word.Length > 0 ? word[0] : '0')
            ? value
            : throw new ProblemException(400, $"bad-{name}", $"'{name}' is one of {string.Join(", ", Enum.GetNames<T>().Select(System.Text.Json.JsonNamingPolicy.SnakeCaseLower.ConvertName))}, not '{word}'");
    }
}
