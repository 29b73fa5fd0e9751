using AgentPlatform.Testing.Faults;

namespace AgentPlatform.Messaging.Tests.Simulation;

/// <summary>What befalls a world.</summary>
/// <param name="SenderDiesAt">Where the sender's first life ends.</param>
/// <param name="ReceiverDiesAt">Where the receiver's first life ends.</param>
/// <param name="Nth">At which time it gets there.</param>
/// <param name="Nats">How the ways to NATS misbehave.</param>
/// <param name="Postgres">How the ways to PostgreSQL misbehave.</param>
/// <param name="Losses">What JetStream loses after each batch: a number of messages, or everything when negative.</param>
/// <param name="IsPoisoned">Whether one message cannot be handled and dies.</param>
/// <param name="ReceiverComesLate">Whether the receiver begins only when everything was published, and lost again.</param>
/// <param name="MustDie">Whether the world goes on until somebody died as fated.</param>
public sealed record Fate(FaultPoint? SenderDiesAt, FaultPoint? ReceiverDiesAt, int Nth, FaultPlan Nats, FaultPlan Postgres, int[] Losses, bool IsPoisoned = false, bool ReceiverComesLate = false, bool MustDie = false)
{
    public bool IsKind => SenderDiesAt is null && ReceiverDiesAt is null && Nats == FaultPlan.None && Postgres == FaultPlan.None && Losses.All(l => l == 0);

    /// <summary>Where a story may end a life; a repair needs a server that lost files, and dies in <see cref="StreamRepairTests"/>.</summary>
    public static FaultPoint[] Points { get; } = [.. Enum.GetValues<FaultPoint>().Except([FaultPoint.Suspected, FaultPoint.Condemned, FaultPoint.Demolished])];

    public static Fate Kind { get; } = new(SenderDiesAt: null, ReceiverDiesAt: null, 1, FaultPlan.None, FaultPlan.None, [0, 0, 0]);

    public static Fate From(int seed)
    {
        var chance = new Random(seed);
        if (chance.Next(10) == 0)
        {
            return Kind;
        }

        FaultPoint? sender = chance.NextDouble() < 0.4 ? Points[chance.Next(Points.Length)] : null;
        FaultPoint? receiver = chance.NextDouble() < 0.5 ? Points[chance.Next(Points.Length)] : null;

        // Nobody gets there by himself: to be asked again something must be missing, to be buried something must be hopeless.
        var somethingIsMissing = receiver is FaultPoint.Missed || sender is FaultPoint.Remembered or FaultPoint.Resent;
        return new Fate(
            sender,
            receiver,
            somethingIsMissing ? 1 : chance.Next(1, 4),
            chance.NextDouble() < 0.5 ? new FaultPlan(seed) { Cut = 0.004, Delay = 0.05, Repeat = 0.1, Swap = 0.2 } : FaultPlan.None,
            chance.NextDouble() < 0.3 ? new FaultPlan(seed) { Cut = 0.002, Delay = 0.02 } : FaultPlan.None,
            [.. Enumerable.Range(0, 3).Select(_ => chance.NextDouble() < 0.25 ? (chance.Next(4) == 0 ? -1 : chance.Next(1, 4)) : 0)],
            IsPoisoned: receiver is FaultPoint.Buried || chance.NextDouble() < 0.03,
            ReceiverComesLate: somethingIsMissing);
    }

    public override string ToString() =>
        $"sender dies at {SenderDiesAt?.ToString() ?? "no point"}, receiver at {ReceiverDiesAt?.ToString() ?? "no point"}, the {Nth}. time; NATS {Said(Nats)}; PostgreSQL {Said(Postgres)}; JetStream loses {string.Join(", ", Losses)} after the batches{(IsPoisoned ? "; one message is hopeless" : "")}{(ReceiverComesLate ? "; the receiver comes late" : "")}";

    private static string Said(FaultPlan plan) => plan == FaultPlan.None ? "good" : $"cut {plan.Cut}, delayed {plan.Delay}, repeated {plan.Repeat}, swapped {plan.Swap}";
}
