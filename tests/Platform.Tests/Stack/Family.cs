using System.Diagnostics;

namespace AgentPlatform.Platform.Tests.Stack;

/// <summary>The processes of one stack: those that have its folder in their command line or environment.</summary>
internal sealed class Family(string folder)
{
    private static readonly Dictionary<string, string> Programs = new(StringComparer.Ordinal)
    {
        ["orchestrator"] = "AgentPlatform.Orchestrator.dll",
        ["toolgateway"] = "AgentPlatform.ToolGateway.dll",
        ["modelfabric"] = "AgentPlatform.ModelFabric.dll",
        ["sessions"] = "AgentPlatform.Sessions.dll",
        ["audit"] = "AgentPlatform.Audit.dll",
        ["postgres"] = "postgres",
        ["nats"] = "nats-server",
    };

    public IReadOnlyList<int> All() => [.. Process.GetProcesses().Select(process => process.Id).Where(id => id != Environment.ProcessId && IsOurs(id))];

    /// <summary>The process of a resource; 0 while it is down.</summary>
    public int Of(string resource) => All().FirstOrDefault(id => Text(id, "cmdline").Split('\0').Take(3).Any(part => Path.GetFileName(part) == Programs[resource]));

    /// <summary>What <c>kill -9</c> does.</summary>
    public int Kill(string resource)
    {
        var id = Of(resource);
        Assert.True(id > 0, $"{resource} does not run, so it cannot be killed");
        using var process = Process.GetProcessById(id);
        process.Kill();
        return id;
    }

    public static string Text(int process, string what)
    {
        try
        {
            return File.ReadAllText($"/proc/{process}/{what}");
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return "";   // It is gone, or another user's.
        }
    }

    private bool IsOurs(int id) => Text(id, "cmdline").Contains(folder, StringComparison.Ordinal) || Text(id, "environ").Contains(folder, StringComparison.Ordinal);
}
