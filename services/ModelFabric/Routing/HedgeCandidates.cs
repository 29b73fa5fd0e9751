using AgentPlatform.ModelFabric.Calls;
using AgentPlatform.ModelFabric.Models;
using AgentPlatform.ModelFabric.Wire;

namespace AgentPlatform.ModelFabric.Routing;

/// <summary>What came of asking one candidate and, because it was slow, the next beside it.</summary>
/// <param name="Counts">The attempt that answered, or the last one that failed.</param>
/// <param name="Other">The one that did not count; null when the first answered in time.</param>
public sealed record Hedge(Hedge.Entry Counts, Hedge.Entry? Other)
{
    public sealed record Entry(Attempt Attempt, AnswerSink Sink);
}

/// <summary>
/// Asks the next candidate too when the first has not begun to answer after a while. Whoever begins first is heard, and the other
/// is ended at that moment; what it cost until then is settled like anything else.
/// </summary>
public sealed class HedgeCandidates(TryProvider provider, TimeProvider time)
{
    /// <summary>How the candidate that was too slow is recorded.</summary>
    public const string Overtaken = "hedged";

    public async Task<Hedge> Run(ModelCall call, ModelRoute first, ModelRoute second, CallOrigin origin, Func<ModelRoute, AnswerSink> sinkOf, TimeSpan after, TimeSpan? firstTokenWithin, CancellationToken ct)
    {
        var race = new AnswerRace();
        using var slow = new Runner(this, race, call, first, origin, sinkOf(first), firstTokenWithin, ct);
        using (var waiting = CancellationTokenSource.CreateLinkedTokenSource(ct))
        {
            await Task.WhenAny(slow.Ended, race.Won, Task.Delay(after, time, waiting.Token));
            await waiting.CancelAsync();
        }
        if (slow.Ended.IsCompleted || race.Won.IsCompleted || ct.IsCancellationRequested)
        {
            return new Hedge(new(await slow.Ended, slow.Sink), Other: null);
        }
        using var late = new Runner(this, race, call, second, origin, sinkOf(second), firstTokenWithin: null, ct);
        var both = Task.WhenAll(slow.Ended, late.Ended);
        await Task.WhenAny(race.Won, both);
        var hasWinner = race.Won.IsCompleted;
        var (heard, other) = hasWinner && await race.Won == slow.Sink ? (slow, late) : (late, slow);
        if (hasWinner)
        {
            await other.End();
        }
        await both;
        return new Hedge(new(await heard.Ended, heard.Sink), new(await other.Ended, other.Sink));
    }

    private sealed class Runner : IDisposable
    {
        private readonly CancellationTokenSource _end;

        public Runner(HedgeCandidates owner, AnswerRace race, ModelCall call, ModelRoute route, CallOrigin origin, AnswerSink sink, TimeSpan? firstTokenWithin, CancellationToken ct)
        {
            _end = CancellationTokenSource.CreateLinkedTokenSource(ct);
            sink.Enter(race);
            Sink = sink;
            Ended = owner.Provider.Try(call with { Model = route.Model }, route, origin, sink, firstTokenWithin, _end.Token);
        }

        public AnswerSink Sink { get; }

        /// <summary>Never fails; every way to end is an attempt.</summary>
        public Task<Attempt> Ended { get; }

        public Task End() => _end.CancelAsync();

        public void Dispose() => _end.Dispose();
    }

    private TryProvider Provider => provider;
}
