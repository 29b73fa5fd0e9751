using AgentPlatform.EscapeAttempts;

namespace AgentPlatform.ToolGateway.Tests.Sandbox;

/// <summary>What a hostile tool would try. Each attempt fails in the sandbox, and succeeds without, so that its failing shows something.</summary>
public sealed class EscapeTests(EscapeStage stage) : IClassFixture<EscapeStage>
{
    public static TheoryData<string> Attempts => [.. Attempt.All.Select(attempt => attempt.Name)];

    [Theory, MemberData(nameof(Attempts))]
    public void An_attempt_is_held(string name)
    {
        var attempt = Attempt.All.Single(a => a.Name == name);
        var outcome = stage[name];
        TestContext.Current.TestOutputHelper!.WriteLine($"confined: {outcome.Confined}; unconfined: {(outcome.EscapedUnconfined ? "escaped" : outcome.Unconfined)}");
        Assert.SkipWhen(!EscapeStage.IsRoot && attempt.OnlyByIdentity, "Not promised where tools are the gateway's own user; the sandbox's README says so.");
        Assert.False(outcome.EscapedConfined, $"{name} escaped");
        Assert.SkipWhen(!EscapeStage.IsRoot && attempt.As == Unconfined.AsRoot, "It was held; only root could show that it is a real attempt.");
        Assert.SkipWhen(attempt.Where is not null && !outcome.EscapedUnconfined, $"Not applicable here ({attempt.Where}): {outcome.Unconfined}");
        Assert.True(outcome.EscapedUnconfined, $"It does not work without the sandbox either, so it shows nothing: {outcome.Unconfined}");
    }

    [Fact]
    public void At_least_eighty_attempts_count_here()
    {
        Assert.SkipUnless(EscapeStage.IsRoot, "Only a root gateway can show the attempts that need root first.");
        var counted = Attempt.All.Count(a => stage[a.Name] is { EscapedConfined: false, EscapedUnconfined: true });
        Assert.True(counted >= 80, $"{counted} of {Attempt.All.Count}");
    }
}
