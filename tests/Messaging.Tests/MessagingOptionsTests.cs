namespace AgentPlatform.Messaging.Tests;

/// <summary>A service with options that contradict each other does not start, and says which.</summary>
public sealed class MessagingOptionsTests
{
    private static readonly MessagingOptions Usual = new() { Url = "nats://127.0.0.1:7122" };

    private static readonly Dictionary<string, (MessagingOptions Wrong, string[] Named)> Contradictions = new(StringComparer.Ordinal)
    {
        ["no address"] = (Usual with { Url = " " }, ["Url", "ConnectionStrings__nats"]),
        ["nothing at work"] = (Usual with { ConcurrencyMax = 0 }, ["ConcurrencyMax", "HeldMax"]),
        ["more at work than held"] = (Usual with { ConcurrencyMax = 65 }, ["ConcurrencyMax", "HeldMax", "(64, 65)"]),
        ["acknowledgement time below a second"] = (Usual with { AckWait = TimeSpan.FromMilliseconds(999), RequestTimeout = TimeSpan.FromMilliseconds(500) }, ["AckWait", "RequestTimeout"]),
        ["acknowledgement time below a request"] = (Usual with { AckWait = TimeSpan.FromSeconds(2) }, ["AckWait", "RequestTimeout"]),
        ["a namespace with a dot"] = (Usual with { Namespace = "a.b" }, ["Namespace", "'a.b'"]),
        ["an inbox that forgets before JetStream does"] = (Usual with { InboxKept = Usual.MessageAgeMax }, ["InboxKept", "MessageAgeMax"]),
        ["an inbox that forgets before the outbox does"] = (Usual with { OutboxKept = TimeSpan.FromDays(15) }, ["InboxKept", "OutboxKept"]),
        ["never told"] = (Usual with { AnnounceEvery = TimeSpan.Zero }, ["AnnounceEvery"]),
        ["never compared"] = (Usual with { ReconcileEvery = TimeSpan.Zero }, ["ReconcileEvery"]),
        ["never cleaned"] = (Usual with { CleanEvery = TimeSpan.Zero }, ["CleanEvery"]),
        ["asked for while at work"] = (Usual with { GapGrace = TimeSpan.FromSeconds(29), FactsGrace = TimeSpan.FromSeconds(1) }, ["GapGrace", "AckWait"]),
        ["no row sent is kept"] = (Usual with { OutboxRowsMax = 0 }, ["OutboxRowsMax"]),
        ["no row of the inbox is kept"] = (Usual with { InboxRowsMax = 0 }, ["InboxRowsMax"]),
        ["no row is deleted"] = (Usual with { CleanRowsMax = 0 }, ["CleanRowsMax"]),
        ["nothing is sent again"] = (Usual with { ResendMax = 0 }, ["ResendMax"]),
        ["never asked again"] = (Usual with { ResendAttemptsMax = 0 }, ["ResendAttemptsMax"]),
        ["nobody is heard"] = (Usual with { ResendsPendingMax = 0 }, ["ResendsPendingMax"]),
        ["more asked for than compared"] = (Usual with { ReconcilePositionsMax = 499 }, ["ReconcilePositionsMax", "ResendMax"]),
        ["no grace for facts"] = (Usual with { FactsGrace = TimeSpan.Zero }, ["FactsGrace", "GapGrace"]),
        ["more grace for facts that are lost than for facts on their way"] = (Usual with { FactsGrace = TimeSpan.FromSeconds(61) }, ["FactsGrace", "GapGrace", "(00:01:01, 00:01:00)"]),
        ["a stream made before it was deleted"] = (Usual with { StreamMakePause = TimeSpan.FromTicks(-1) }, ["StreamMakePause"]),
        ["stuck at once"] = (Usual with { StuckGrace = TimeSpan.Zero }, ["StuckGrace"]),
        ["two that repair one stream"] = (Usual with { StreamRepairEvery = TimeSpan.FromSeconds(14) }, ["StreamRepairEvery", "RequestTimeout"]),
        ["depths never looked at"] = (Usual with { DepthEvery = TimeSpan.Zero }, ["DepthEvery"]),
        ["no dead letter is kept for long"] = (Usual with { DeadLettersKept = TimeSpan.Zero }, ["DeadLettersKept"]),
        ["no dead letter is kept"] = (Usual with { DeadLettersMax = 0 }, ["DeadLettersMax"]),
        ["no dead letter is retried"] = (Usual with { DeadLettersRetriedMax = 0 }, ["DeadLettersRetriedMax"]),
        ["no attempt"] = (Usual with { AttemptsMax = 0 }, ["AttemptsMax"]),
        ["fewer deliveries than attempts"] = (Usual with { DeliveriesMax = 4 }, ["DeliveriesMax", "AttemptsMax"]),
        ["no second try at a conflict"] = (Usual with { ConflictsMax = 0 }, ["ConflictsMax"]),
        ["nothing is published"] = (Usual with { OutboxBatchMax = 0 }, ["OutboxBatchMax"]),
        ["six copies"] = (Usual with { StreamReplicas = 6 }, ["StreamReplicas"]),
    };

    public static TheoryData<string> Names => [.. Contradictions.Keys];

    [Fact]
    public void The_usual_options_agree() => Usual.Validate();

    [Theory]
    [MemberData(nameof(Names))]
    public void Options_that_contradict_each_other_are_named(string what)
    {
        var (wrong, named) = Contradictions[what];

        var refused = Assert.Throws<InvalidOperationException>(wrong.Validate);

        Assert.All(named, name => Assert.Contains(name, refused.Message, StringComparison.Ordinal));
    }
}
