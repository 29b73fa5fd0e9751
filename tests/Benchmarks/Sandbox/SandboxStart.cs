using System.Diagnostics;
using AgentPlatform.ToolGateway.Sandbox;
using AgentPlatform.ToolGateway.Workspaces;

namespace AgentPlatform.Benchmarks.Sandbox;

/// <summary>Starting <c>/bin/true</c> and hearing of its end: plainly, in bubblewrap where it is installed, and in the sandbox.</summary>
internal static class SandboxStart
{
    public static async Task Run(BenchmarkRun run)
    {
        // Every user may enter it: under root, tools run as users of their own.
        var folder = Directory.CreateTempSubdirectory("sandbox-start-").FullName;
        File.SetUnixFileMode(folder, (UnixFileMode)0b111_001_001);
        try
        {
            using var workspace = Workspace.Open(Path.Combine(folder, "workspace"));
            using var confinement = new Confinement(TimeProvider.System);
            var bubblewrap = new[] { Environment.GetEnvironmentVariable("BUBBLEWRAP"), "/usr/bin/bwrap", "/usr/local/bin/bwrap" }.FirstOrDefault(File.Exists);
            Sample plain = new(), wrapped = new(), confined = new();
            await Round(new Sample(), new Sample(), new Sample(), run.Duration / 8);
            for (var round = 0; round < run.Rounds; round++) await Round(plain, wrapped, confined, run.Duration);
            run.Latencies("plain start of /bin/true", plain);
            if (bubblewrap is not null) run.Latencies("bubblewrap, minimal root, all namespaces", wrapped);
            run.Latencies("sandbox, locked", confined);

            async Task Round(Sample one, Sample two, Sample three, TimeSpan duration)
            {
                await one.Add(1, duration, units: 1, (_, _) => Start("/bin/true"));
                if (bubblewrap is not null) await two.Add(1, duration, units: 1, (_, _) => Start(bubblewrap, Wrapped(workspace.Root)));
                await three.Add(1, duration, units: 1, async (_, _) =>
                {
                    var result = await confinement.Run(new SandboxCommand { Arguments = ["/bin/true"], Workspace = workspace }, SandboxPlan.Locked, CancellationToken.None);
                    if (result is not SandboxResult.Ended { ExitCode: 0 }) throw new InvalidOperationException($"/bin/true did not run confined: {result}");
                });
            }
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static string[] Wrapped(string workspace) =>
    [
        "--ro-bind", "/usr", "/usr", "--symlink", "usr/bin", "/bin", "--symlink", "usr/lib", "/lib", "--symlink", "usr/lib64", "/lib64", "--dev", "/dev", "--proc", "/proc", "--tmpfs", "/tmp",
        "--bind", workspace, workspace, "--unshare-all", "--die-with-parent", "--new-session", "--clearenv", "--setenv", "PATH", "/usr/bin:/bin", "--cap-drop", "ALL", "/bin/true",
    ];

    private static async Task Start(string program, params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true, UseShellExecute = false })!;
        process.StandardInput.Close();
        await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        if (process.ExitCode != 0) throw new InvalidOperationException($"{program} ended with {process.ExitCode}: {await process.StandardError.ReadToEndAsync()}");
    }
}
