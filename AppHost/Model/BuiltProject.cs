namespace AgentPlatform.AppHost.Model;

/// <summary>Names a project of this tree.</summary>
public interface IProjectMetadata
{
    /// <summary>The project file, relative to the root of the tree.</summary>
    string ProjectPath { get; }

    /// <summary>The file name of the built program.</summary>
    string AssemblyFile => $"AgentPlatform.{Path.GetFileNameWithoutExtension(ProjectPath)}.dll";
}

/// <summary>Finds the built output of a project from our own location.</summary>
internal static class BuiltProject
{
    public static string Find(IProjectMetadata project)
    {
        var name = Path.GetFileNameWithoutExtension(project.ProjectPath);
        var own = Path.TrimEndingDirectorySeparator(AppContext.BaseDirectory);
        string[] places =
        [
            Path.Combine(own, "..", "..", name, Path.GetFileName(own), project.AssemblyFile),   // artifacts/bin/<project>/<configuration>
            Path.Combine(own, "..", name, project.AssemblyFile),                                // published beside each other
        ];
        return Path.GetFullPath(Array.Find(places, File.Exists) ?? places[0]);
    }
}
