using AgentPlatform.Platform.Tests.Stack;

namespace AgentPlatform.Platform.Tests;

/// <summary>One command that starts the platform, runs a plan and stops again.</summary>
public sealed class WholeLifeTests
{
    [Fact]
    public async Task The_sample_in_one_command_ends_with_0_and_leaves_artifacts_and_nothing_else()
    {
        var (folder, family, portBase) = PlatformStack.NewPlace();
        using (folder)
        {
            var into = Path.Combine(folder.Path, "results");
            await using var host = PlatformStack.StartHost(["run", Built.Sample("quarterly-report"), "--out", into, "--no-dashboard"], folder.Path, portBase);
            var ended = await host.End(TimeSpan.FromMinutes(2));
            Assert.True(ended.ExitCode == 0, ended.ToString());
            Assert.All((string[])["out/report.md", "out/figures.xlsx", "out/board.pptx"], artifact =>
            {
                Assert.True(File.Exists(Path.Combine(into, artifact)));
                Assert.Contains(artifact, ended.Output, StringComparison.Ordinal);
            });
            Assert.Empty(family.All().Select(id => Family.Text(id, "cmdline")));
        }
    }
}
