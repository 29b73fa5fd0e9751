using System.Text;

namespace AgentPlatform.ToolGateway.Workspaces;

/// <summary>A relative path with no way out in its text. The kernel still resolves it beneath the workspace, because symlinks are not text.</summary>
public sealed record WorkspacePath
{
    /// <summary>Folder of the platform inside a workspace (private temp folders of running calls); tools neither list nor open it.</summary>
    public const string Scratch = ".scratch";

    private WorkspacePath(string value, string[] parts) => (Value, Parts) = (value, parts);

    /// <summary>The normalised path, with '/' between the parts.</summary>
    public string Value { get; }

    internal string[] Parts { get; }

    /// <summary>Normalises <paramref name="path"/> or refuses it with the reason.</summary>
    public static WorkspacePath Parse(string path, WorkspaceOptions options)
    {
        if (string.IsNullOrWhiteSpace(path)) throw Invalid("the path is empty", "give a path relative to the workspace, such as out/report.md");
        if (path.Contains('\0', StringComparison.Ordinal)) throw Invalid("the path contains a NUL character", "remove it");
        if (path[0] == '/') throw Invalid($"'{path}' is absolute", "give a path relative to the workspace");
        if (Encoding.UTF8.GetByteCount(path) > options.PathBytesMax) throw Invalid($"the path is longer than {options.PathBytesMax} bytes", "shorten it");

        var parts = path.Split('/', StringSplitOptions.RemoveEmptyEntries).Where(part => part != ".").ToArray();
        if (parts.Contains("..")) throw Invalid($"'{path}' contains '..'", "name the target directly, beneath the workspace");
        if (parts.Length == 0) throw Invalid($"'{path}' is the workspace itself", "name a file in it");
        if (parts.Length > options.PathDepthMax) throw Invalid($"'{path}' is deeper than {options.PathDepthMax} folders", "use fewer folders");
        if (parts.Any(part => Encoding.UTF8.GetByteCount(part) > 255)) throw Invalid("a name in the path is longer than 255 bytes", "shorten it");
        if (parts[0] == Scratch) throw Invalid($"'{Scratch}' belongs to the platform", "use another folder");
        return new(string.Join('/', parts), parts);
    }

    public override string ToString() => Value;

    private static WorkspaceRefusedException Invalid(string cause, string remedy) => new(RefusalKind.InvalidPath, $"Path refused: {cause}; {remedy}.");
}
