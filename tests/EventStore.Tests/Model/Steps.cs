using FsCheck;
using FsCheck.Fluent;

namespace AgentPlatform.EventStore.Tests.Model;

public enum Expect
{
    Any,
    NoStream,
    Current,
    Behind,
    Ahead,
}

/// <summary>Events for one of a few streams in a unit of work.</summary>
public sealed record Part(int Stream, Expect Expect, int Events)
{
    public override string ToString() => $"{Stream}:{Expect}+{Events}";
}

/// <summary>Something that somebody does with a store. <c>Who</c> is one of two processes on the same streams.</summary>
public abstract record Step(int Who)
{
    public sealed record Write(int Who, Part[] Parts, int[] Archived) : Step(Who)
    {
        public override string ToString() => $"{Who} writes {string.Join(", ", Parts.Select(p => p.ToString()))}{(Archived.Length > 0 ? $" and archives {string.Join(", ", Archived)}" : string.Empty)}";
    }

    /// <summary>The same, as a bulk append; the last stream first.</summary>
    public sealed record Import(int Who, Part[] Parts) : Step(Who)
    {
        public override string ToString() => $"{Who} imports {string.Join(", ", Parts.Select(p => p.ToString()))}";
    }

    /// <summary>Loads streams, decides, stores; perhaps somebody else writes to the first one in between.</summary>
    public sealed record Decide(int Who, int[] Streams, int Events, bool Overtaken) : Step(Who)
    {
        public override string ToString() => $"{Who} decides +{Events} on {string.Join(", ", Streams)}{(Overtaken ? ", overtaken" : string.Empty)}";
    }

    /// <summary>Two processes store the same unit of work at the same time.</summary>
    public sealed record Race(int[] Streams, Expect Expect, int Events) : Step(0)
    {
        public override string ToString() => $"both write {Expect}+{Events} to {string.Join(", ", Streams)} at once";
    }

    public sealed record ReadStream(int Who, int Stream, int After) : Step(Who);

    public sealed record Fold(int Who, int Stream) : Step(Who);

    /// <summary>The next page of whoever follows the store.</summary>
    public sealed record Follow(int Who, int Limit) : Step(Who);

    /// <summary>A page of some streams, from the beginning.</summary>
    public sealed record ReadSome(int Who, int[] Streams, int Limit) : Step(Who)
    {
        public override string ToString() => $"{Who} reads {Limit} events of {string.Join(", ", Streams)}";
    }

    /// <summary>All pages of a list.</summary>
    public sealed record List(int Who, int Limit, string? Tag, bool Descending) : Step(Who);
}

/// <summary>A sequence of steps, from which each step can be left out when it fails.</summary>
public sealed record Story(IReadOnlyList<Step> Steps)
{
    public const int StreamCount = 4;

    private static readonly Gen<int> Who = Gen.Choose(0, 1);
    private static readonly Gen<int> Stream = Gen.Choose(0, StreamCount - 1);
    private static readonly Gen<int> Events = Gen.Choose(1, 3);
    private static readonly Gen<int> Limit = Gen.Choose(1, 4);
    private static readonly Gen<int[]> Streams = Gen.SubListOf(Enumerable.Range(0, StreamCount)).Where(list => list.Count > 0).Select(list => list.ToArray());
    private static readonly Gen<Expect> Expected = Gen.Frequency((4, Gen.Constant(Expect.Any)), (2, Gen.Constant(Expect.NoStream)), (4, Gen.Constant(Expect.Current)), (1, Gen.Constant(Expect.Behind)), (1, Gen.Constant(Expect.Ahead)));

    private static readonly Gen<Part[]> Parts = Streams.SelectMany(streams => Gen.CollectToArray(streams, stream => Expected.Zip(Events, (expect, events) => new Part(stream, expect, events))));
    private static readonly Gen<int[]> Archived = Gen.Frequency((9, Gen.Constant(Array.Empty<int>())), (1, Stream.Select(stream => new[] { stream })));

    private static readonly Gen<Step> AnyStep = Gen.Frequency<Step>(
        (4, from who in Who from parts in Parts from archived in Archived select (Step)new Step.Write(who, parts, archived)),
        (2, from who in Who from parts in Parts select (Step)new Step.Import(who, parts)),
        (5, from who in Who from streams in Streams from events in Events from overtaken in Gen.Frequency((3, Gen.Constant(false)), (1, Gen.Constant(true))) select (Step)new Step.Decide(who, streams, events, overtaken)),
        (2, from streams in Streams from expect in Expected from events in Events select (Step)new Step.Race(streams, expect, events)),
        (1, from who in Who from stream in Stream from after in Gen.Choose(0, 6) select (Step)new Step.ReadStream(who, stream, after)),
        (2, from who in Who from stream in Stream select (Step)new Step.Fold(who, stream)),
        (3, from who in Who from limit in Limit select (Step)new Step.Follow(who, limit)),
        (1, from who in Who from streams in Streams from limit in Limit select (Step)new Step.ReadSome(who, streams, limit)),
        (2, from who in Who from limit in Limit from tag in Gen.Elements(null, "high", "low") from backwards in Gen.Elements(true, false) select (Step)new Step.List(who, limit, tag, backwards)));

    public static Arbitrary<Story> Any { get; } = Arb.From(
        Gen.Choose(1, 20).SelectMany(count => AnyStep.ListOf(count)).Select(steps => new Story(steps)),
        story => story.Steps.Select((_, left) => new Story([.. story.Steps.Where((_, at) => at != left)])));

    public override string ToString() => "\n" + string.Join('\n', Steps);
}
