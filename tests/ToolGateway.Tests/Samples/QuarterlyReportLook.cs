using AgentPlatform.ToolGateway.Tests.Toolkits;

namespace AgentPlatform.ToolGateway.Tests.Samples;

/// <summary>Leaves the sample's results where a person can look at them: the folder named by SAMPLE_RESULTS. Run by name.</summary>
public sealed class QuarterlyReportLook
{
    [Fact(Explicit = true)]
    public async Task Keep_the_results()
    {
        var target = Environment.GetEnvironmentVariable("SAMPLE_RESULTS");
        Assert.SkipWhen(string.IsNullOrEmpty(target), "Set SAMPLE_RESULTS to a folder.");
        using var bench = new Bench();
        await QuarterlyReportRun.Run(bench);
        foreach (var file in bench.Workspace.List("**/*", 1000).Files)
        {
            var path = Path.Combine(target!, file.Path);
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            File.Copy(Path.Combine(bench.Workspace.Root, file.Path), path, overwrite: true);
        }
    }
}
