using System.Diagnostics.Metrics;

namespace AgentPlatform.EventStore;

/// <summary>How far behind the projections are that this process leads.</summary>
internal sealed class ProjectionMeters : IDisposable
{
    /// <summary>The store's meter.</summary>
    public const string Name = "AgentPlatform.EventStore";

    private static readonly Meter Shared = new(Name);
    private readonly Meter _meter = new(Name);

    public static readonly Counter<long> Applied = Shared.CreateCounter<long>("agentplatform.projection.applied", "{event}", "Events applied to the served rows");
    public static readonly Counter<long> Parked = Shared.CreateCounter<long>("agentplatform.projection.parked", "{event}", "Events that could not be applied and were parked");

    public ProjectionMeters(IReadOnlyCollection<ProjectionWorker> workers, PostgresEventStore store, TimeProvider time)
    {
        _meter.CreateObservableGauge("agentplatform.projection.position", () => Led(w => w.Position), "{event}", "Sequence up to which the served rows are");
        _meter.CreateObservableGauge("agentplatform.projection.lag", () => Led(w => Math.Max(0, store.HighWater.Mark - w.Position)), "{event}", "Sequences between the served rows and the high-water mark");
        _meter.CreateObservableGauge("agentplatform.projection.lag.age", () => Led(w => w.BehindSince is { } since ? Math.Max(0, (time.GetUtcNow() - since).TotalSeconds) : 0), "s", "Age of the oldest decided event that is not applied");
        _meter.CreateObservableGauge("agentplatform.projection.parked.standing", () => Led(w => w.ParkedStanding), "{event}", "Events that are parked and not retried");

        IEnumerable<Measurement<T>> Led<T>(Func<ProjectionWorker, T> value)
            where T : struct =>
            workers.Where(w => w.Leads).Select(w => new Measurement<T>(value(w), new KeyValuePair<string, object?>("projection", w.Projection.Name)));
    }

    public void Dispose() => _meter.Dispose();
}
