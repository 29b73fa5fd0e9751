using System.Runtime.Versioning;

// The sandbox and workspaces rest on Linux kernel interfaces, so their tests run there only.
[assembly: SupportedOSPlatform("linux")]

namespace AgentPlatform.ToolGateway.Tests;

/// <summary>A folder of one test that every user may enter (a root gateway drops to another one), removed with what is in it.</summary>
public sealed class TestFolder : IDisposable
{
    public TestFolder()
    {
        Path = System.IO.Path.Combine(System.IO.Path.GetTempPath(), $"toolgateway-{Guid.CreateVersion7():N}");
        Directory.CreateDirectory(Path);
        File.SetUnixFileMode(Path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute | UnixFileMode.GroupExecute | UnixFileMode.OtherExecute);
    }

    public string Path { get; }

    public string Of(string name) => System.IO.Path.Combine(Path, name);

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
