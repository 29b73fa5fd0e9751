using System.Runtime.CompilerServices;
using System.Text.Json;
using AgentPlatform.Orchestrator.Plans;

namespace AgentPlatform.Orchestrator.Tests.Plans;

public sealed class SamplePlansTests
{
    public static TheoryData<string> Samples => [.. Directory.EnumerateFiles(SampleFolder(), "plan.yaml", SearchOption.AllDirectories).Select(file => Path.GetRelativePath(SampleFolder(), file))];

    [Theory]
    [MemberData(nameof(Samples))]
    public void A_sample_is_a_plan_of_the_right_form(string sample)
    {
        var plan = ReadPlan.From(JsonSerializer.SerializeToElement(File.ReadAllText(Path.Combine(SampleFolder(), sample))));

        Assert.Empty(PlanGraph.Check(plan));
    }

    private static string SampleFolder([CallerFilePath] string here = "") => Path.GetFullPath(Path.Combine(Path.GetDirectoryName(here)!, "../../../samples"));
}
