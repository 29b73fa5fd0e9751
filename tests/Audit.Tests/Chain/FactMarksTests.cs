using AgentPlatform.Audit.Chain;
using AgentPlatform.Testing;

namespace AgentPlatform.Audit.Tests.Chain;

public sealed class FactMarksTests(Servers servers) : ChainFixture(servers)
{
    [Theory]
    [InlineData("0-3 3-5 5-9", 9)]
    [InlineData("5-9 3-5 0-3", 9)]
    [InlineData("0-3 5-9", 3)]
    [InlineData("5-9", 0)]
    [InlineData("0-3 3-5 0-3 0-5", 5)]
    [InlineData("5-9 0-7", 9)]
    public async Task Everything_is_there_up_to_the_first_portion_that_is_not(string portions, long complete)
    {
        foreach (var portion in portions.Split(' ').Select(p => p.Split('-').Select(long.Parse).ToArray()))
        {
            await using var took = Database.CreateCommand("select ap_audit_took('orchestrator', $1, $2)");
            took.Parameters.Add(new() { Value = portion[0] });
            took.Parameters.Add(new() { Value = portion[1] });
            await took.ExecuteNonQueryAsync(Ct);
        }

        Assert.Equal(complete, (await new FactMarks(Store()).Complete(Ct))["orchestrator"]);
    }
}
