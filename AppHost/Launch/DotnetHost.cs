using System.Runtime.InteropServices;

namespace AgentPlatform.AppHost.Launch;

/// <summary>The <c>dotnet</c> that runs us, so that services run on the same one whatever PATH says.</summary>
internal static class DotnetHost
{
    public static string Path { get; } = Find();

    private static string Find()
    {
        // .../dotnet/shared/Microsoft.NETCore.App/<version>/
        var beside = System.IO.Path.GetFullPath(System.IO.Path.Combine(RuntimeEnvironment.GetRuntimeDirectory(), "..", "..", "..", "dotnet"));
        return File.Exists(beside) ? beside : "dotnet";
    }
}
