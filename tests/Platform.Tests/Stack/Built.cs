namespace AgentPlatform.Platform.Tests.Stack;

/// <summary>Where the build put the programs, and where the samples are: beside and above the folder these tests run in.</summary>
internal static class Built
{
    public static string AppHost { get; } = Program("AppHost", "AgentPlatform.AppHost.dll");

    public static string Agentctl { get; } = Program("Cli", "agentctl.dll");

    public static string Sample(string name) => Path.Combine(Repository(), "samples", name);

    // artifacts/bin/Platform.Tests/<configuration>/ → artifacts/bin/<project>/<configuration>/
    private static string Program(string project, string file)
    {
        var own = new DirectoryInfo(AppContext.BaseDirectory);
        var program = Path.Combine(own.Parent!.Parent!.FullName, project, own.Name, file);
        return File.Exists(program) ? program : throw new FileNotFoundException($"{program} is not built; 'dotnet build tests/Platform.Tests' builds it", program);
    }

    private static string Repository()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "AgentPlatform.sln")))
            {
                return folder.FullName;
            }
        }

        throw new InvalidOperationException("The tests do not run from within the repository, so its samples cannot be found.");
    }
}
