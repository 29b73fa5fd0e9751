using AgentPlatform.EventStore;
using AgentPlatform.Testing;

[assembly: AssemblyFixture(typeof(Servers))]

namespace AgentPlatform.EventStore.Tests;

/// <summary>A small stream to test the store with.</summary>
public abstract record CounterEvent
{
    private CounterEvent()
    {
    }

    [StoredAs("counter-opened.1")]
    public sealed record Opened(string Owner) : CounterEvent;

    [StoredAs("counter-raised.1")]
    public sealed record Raised(int By) : CounterEvent;
}

public sealed record Counter(string Owner, int Total)
{
    public static readonly StreamKind<Counter, CounterEvent> Kind = KindOf("counter", "counters");

    public static StreamKind<Counter, CounterEvent> KindOf(string name, string list, SnapshotPolicy? snapshots = null) => new(
        name,
        new Counter(string.Empty, 0),
        (counter, e) => e switch
        {
            CounterEvent.Opened o => counter with { Owner = o.Owner },
            CounterEvent.Raised r => counter with { Total = counter.Total + r.By },
            _ => counter,
        },
        counter => new ViewRow(list, counter.Owner, counter.Total.ToString("D10"), counter.Total > 5 ? "high" : "low", counter),
        snapshots);
}
