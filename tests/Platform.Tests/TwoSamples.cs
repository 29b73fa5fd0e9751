using AgentPlatform.Contracts;
using AgentPlatform.Platform.Tests.Stack;
using AgentPlatform.Provisioning.Files;

namespace AgentPlatform.Platform.Tests;

[CollectionDefinition(nameof(TwoSamples))]
public sealed class TwoSamplesCollection : ICollectionFixture<TwoSamples>;

/// <summary>The quarterly report, run twice with <c>agentctl</c>, its artifacts in two folders.</summary>
public sealed class TwoSamples(PlatformStack stack) : IAsyncLifetime
{
    private readonly TemporaryFolder folder = TemporaryFolder.Make();

    public RunView First { get; private set; } = null!;

    public RunView Second { get; private set; } = null!;

    public string FirstOut => Path.Combine(folder.Path, "first");

    public string SecondOut => Path.Combine(folder.Path, "second");

    public async ValueTask InitializeAsync()
    {
        First = await Run(FirstOut);
        Second = await Run(SecondOut);
    }

    public ValueTask DisposeAsync()
    {
        folder.Dispose();
        return default;
    }

    private async Task<RunView> Run(string into)
    {
        var ended = await stack.AgentctlEnd("run", Built.Sample("quarterly-report"), "--out", into, "--json");
        Assert.True(ended.ExitCode == 0, ended.ToString());
        return ended.Run();
    }
}
