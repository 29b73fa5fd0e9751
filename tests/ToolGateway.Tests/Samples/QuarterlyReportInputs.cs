namespace AgentPlatform.ToolGateway.Tests.Samples;

public sealed class QuarterlyReportInputs
{
    [Fact(Explicit = true)]
    public void Write_the_input_files_anew()
    {
        Directory.CreateDirectory(SampleFolder.Of("inputs"));
        foreach (var (name, bytes) in SampleInputs.All()) File.WriteAllBytes(SampleFolder.Of("inputs", name), bytes);
    }

    [Fact]
    public void The_committed_inputs_are_what_the_generator_makes()
    {
        var all = SampleInputs.All();
        Assert.Equal(all.Keys.Order(), Directory.GetFiles(SampleFolder.Of("inputs")).Select(Path.GetFileName).Order());
        Assert.All(all, file => Assert.Equal(file.Value, File.ReadAllBytes(SampleFolder.Of("inputs", file.Key))));
    }
}

/// <summary>Finds samples/quarterly-report from where the tests run.</summary>
internal static class SampleFolder
{
    internal static string Of(params string[] parts)
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "AgentPlatform.sln"))) return Path.Combine([folder.FullName, "samples", "quarterly-report", .. parts]);
        }
        throw new InvalidOperationException("The tests do not run from within the repository, so its samples cannot be found.");
    }
}
