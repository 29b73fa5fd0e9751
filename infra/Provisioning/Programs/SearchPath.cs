using System.Globalization;
using System.Text.RegularExpressions;

namespace AgentPlatform.Provisioning.Programs;

/// <summary>Looks in PATH and the usual folders.</summary>
internal sealed partial class SearchPath(ProgramFinderOptions options)
{
    /// <summary>Every place where the program lies: PATH first, then the usual folders, newer versions first.</summary>
    public IEnumerable<string> Find(string program)
    {
        var path = options.Setting("PATH")?.Split(':', StringSplitOptions.RemoveEmptyEntries) ?? [];
        return path.Concat(options.UsualFolders.SelectMany(Expand)).Select(folder => Path.Combine(folder, program)).Where(IsExecutable);
    }

    public static bool IsExecutable(string file)
    {
        const UnixFileMode any = UnixFileMode.UserExecute | UnixFileMode.GroupExecute | UnixFileMode.OtherExecute;
        return File.Exists(file) && (File.GetUnixFileMode(file) & any) != UnixFileMode.None;
    }

    private static IEnumerable<string> Expand(string folder)
    {
        var star = folder.IndexOf('*', StringComparison.Ordinal);
        if (star < 0)
        {
            return [folder];
        }

        var parent = Path.GetDirectoryName(folder[..star]) ?? "/";
        var pattern = folder[(parent.Length + 1)..].Split('/')[0];
        var rest = folder[(parent.Length + 1 + pattern.Length)..].TrimStart('/');
        return Directory.Exists(parent)
            ? Directory.EnumerateDirectories(parent, pattern).OrderByDescending(NumberIn).Select(found => Path.Combine(found, rest))
            : [];
    }

    private static int NumberIn(string folder) =>
        int.TryParse(Digits().Match(Path.GetFileName(folder)).Value, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : 0;

    [GeneratedRegex("[0-9]+", RegexOptions.None, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Digits();
}
