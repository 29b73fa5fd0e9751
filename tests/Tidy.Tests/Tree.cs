using System.Runtime.CompilerServices;
using System.Xml.Linq;

namespace AgentPlatform.Tidy.Tests;

/// <summary>The sources as they lie on the disk, without what a build made.</summary>
internal static class Tree
{
    private static readonly string[] Made = ["artifacts", "bin", "obj", "node_modules", ".git"];
    private static readonly string[] Tops = ["AppHost", "ServiceDefaults", "contracts", "infra", "services", "tests"];

    public static string Root { get; } = Path.GetFullPath(Path.Combine(Path.GetDirectoryName(Here())!, "../.."));

    /// <summary>C# files as (path relative to the root, lines).</summary>
    public static IReadOnlyList<(string Path, string[] Lines)> Sources { get; } =
        [.. Tops.SelectMany(top => Files(Path.Combine(Root, top), ".cs")).Select(file => (Relative(file), File.ReadAllLines(file)))];

    /// <summary>Projects as (path relative to the root, the projects it references).</summary>
    public static IReadOnlyList<(string Path, IReadOnlyList<string> References)> Projects { get; } =
        [.. Tops.SelectMany(top => Files(Path.Combine(Root, top), ".csproj")).Select(file => (Relative(file), References(file)))];

    /// <summary>The lines that fit, as "path:line: text".</summary>
    public static IEnumerable<string> Find(System.Text.RegularExpressions.Regex what, Func<string, bool> where) =>
        from source in Sources
        where @where(source.Path)
        from line in source.Lines.Select((text, index) => (Text: text.Trim(), Number: index + 1))
        where what.IsMatch(line.Text)
        select $"{source.Path}:{line.Number}: {line.Text}";

    public static bool IsBelow(string path, params string[] folders) => folders.Any(folder => path.StartsWith(folder + "/", StringComparison.Ordinal));

    private static IEnumerable<string> Files(string folder, string extension) => Directory.EnumerateFiles(folder)
        .Where(file => Path.GetExtension(file) == extension)
        .Concat(Directory.EnumerateDirectories(folder).Where(sub => !Made.Contains(Path.GetFileName(sub))).SelectMany(sub => Files(sub, extension)))
        .Order(StringComparer.Ordinal);

    // References that only order the build (ReferenceOutputAssembly false) bring no code with them.
    private static List<string> References(string project) =>
        [.. XDocument.Load(project).Descendants("ProjectReference")
            .Where(reference => reference.Attribute("ReferenceOutputAssembly")?.Value != "false")
            .Select(reference => Relative(Path.GetFullPath(Path.Combine(Path.GetDirectoryName(project)!, reference.Attribute("Include")!.Value))))];

    private static string Relative(string file) => Path.GetRelativePath(Root, file).Replace('\\', '/');

    private static string Here([CallerFilePath] string here = "") => here;
}
