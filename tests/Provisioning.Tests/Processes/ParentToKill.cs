using System.Diagnostics;
using System.Globalization;
using AgentPlatform.Provisioning.Postgres;
using AgentPlatform.Provisioning.Processes;

namespace AgentPlatform.Provisioning.Tests.Processes;

/// <summary>A process that starts children, prints their ids and waits to be killed.</summary>
internal static class ParentToKill
{
    public static async Task<int> Run(string[] args)
    {
        var id = args switch
        {
            ["postgres"] => (await PostgresServer.StartTemporaryAsync()).ProcessId!.Value,
            [var way] => ChildProcess.Start(new ChildProcessStart("sleep", "1000"), Enum.Parse<ParentDeath.Way>(way)).Id,
            _ => throw new ArgumentException("parent postgres|Signal|Lifeline", nameof(args)),
        };
        Console.WriteLine(id);
        await Task.Delay(Timeout.Infinite);
        return 0;
    }

    /// <summary>Starts this program as the parent, kills it with SIGKILL, and returns a handle on the child it had.</summary>
    public static async Task<Process> StartAndKill(string what, Action<Process>? beforeTheKill = null)
    {
        using var parent = Process.Start(new ProcessStartInfo("dotnet", [typeof(ParentToKill).Assembly.Location, "parent", what]) { UseShellExecute = false, RedirectStandardOutput = true })!;
        var line = await parent.StandardOutput.ReadLineAsync(TestContext.Current.CancellationToken);
        var child = Process.GetProcessById(int.Parse(line!, CultureInfo.InvariantCulture));
        Assert.False(child.HasExited);
        beforeTheKill?.Invoke(child);
        parent.Kill();
        return child;
    }
}
