using System.Reflection;
using Xunit.Sdk;
using Xunit.v3;

namespace AgentPlatform.Orchestrator.Tests.Runs;

/// <summary>Runs a theory once for each seed; the seed that failed stands in the name of the case.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class SeedsAttribute(int count) : DataAttribute
{
    public int Count { get; } = count;

    public override ValueTask<IReadOnlyCollection<ITheoryDataRow>> GetData(MethodInfo testMethod, DisposalTracker disposalTracker) =>
        new([.. Enumerable.Range(1, Count).Select(seed => new TheoryDataRow(seed))]);

    public override bool SupportsDiscoveryEnumeration() => true;
}
