using System.Diagnostics;
using AgentPlatform.ToolGateway.Sandbox;

namespace AgentPlatform.ToolGateway.Tests.Sandbox;

/// <summary>Prints what the sandbox costs beside a plain spawn. Run by name; it asserts nothing about time.</summary>
public sealed class SpawnCost : IDisposable
{
    private readonly ConfinementFixture sandbox = new();

    public void Dispose() => sandbox.Dispose();

    [Fact(Explicit = true)]
    public async Task Confined_and_plain_spawn_side_by_side()
    {
        const int warmUp = 30, rounds = 300;
        List<double> plain = [], confined = [];
        for (var i = 0; i < warmUp + rounds; i++)
        {
            var clock = Stopwatch.GetTimestamp();
            using (var process = Process.Start(new ProcessStartInfo("/bin/true") { RedirectStandardOutput = true, RedirectStandardError = true, RedirectStandardInput = true, UseShellExecute = false })!)
            {
                process.StandardInput.Close();
                await process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
                await process.WaitForExitAsync(TestContext.Current.CancellationToken);
            }
            if (i >= warmUp) plain.Add(Stopwatch.GetElapsedTime(clock).TotalMilliseconds);
            clock = Stopwatch.GetTimestamp();
            var ended = Assert.IsType<SandboxResult.Ended>(await sandbox.Run(["/bin/true"]));
            if (i >= warmUp) confined.Add(Stopwatch.GetElapsedTime(clock).TotalMilliseconds);
            Assert.Equal(0, ended.ExitCode);
        }
        TestContext.Current.TestOutputHelper!.WriteLine($"plain {Figures(plain)}; confined {Figures(confined)} (ms p50/p95/p99)");
    }

    private static string Figures(List<double> all)
    {
        all.Sort();
        return $"{all[all.Count / 2]:0.00}/{all[all.Count * 95 / 100]:0.00}/{all[all.Count * 99 / 100]:0.00}";
    }
}
