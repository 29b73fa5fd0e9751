using System.Diagnostics;
using System.Diagnostics.Metrics;

namespace AgentPlatform.Messaging;

/// <summary>Spans and metrics of messaging, by the OpenTelemetry messaging conventions.</summary>
public static class MessagingTelemetry
{
    /// <summary>Name of the activity source and of the meter.</summary>
    public const string Name = "AgentPlatform.Messaging";

    internal static readonly ActivitySource Source = new(Name);
    private static readonly Meter Meter = new(Name);

    internal static readonly Counter<long> Published = Meter.CreateCounter<long>("messaging.client.sent.messages", "{message}", "Messages acknowledged by JetStream");
    internal static readonly Counter<long> Handled = Meter.CreateCounter<long>("messaging.client.consumed.messages", "{message}", "Messages handled, by outcome");
    internal static readonly Histogram<double> HandleTime = Meter.CreateHistogram<double>("messaging.process.duration", "s", "Time a handler took");
    internal static readonly Histogram<double> Age = Meter.CreateHistogram<double>("agentplatform.messaging.age", "s", "Time from the sender's commit to the start of the handler");
    internal static readonly Counter<long> Retries = Meter.CreateCounter<long>("agentplatform.messaging.retries", "{message}", "Handler failures that are tried again");
    internal static readonly Counter<long> Resent = Meter.CreateCounter<long>("agentplatform.messaging.resent", "{message}", "Messages published again because a receiver missed them");
    internal static readonly Counter<long> Lost = Meter.CreateCounter<long>("agentplatform.messaging.lost", "{message}", "Messages a receiver missed and the sender no longer has");
    internal static readonly Counter<long> FactsAgain = Meter.CreateCounter<long>("agentplatform.messaging.facts_again", "{time}", "Times the facts were handed to Audit again because it missed some");
    internal static readonly Counter<long> StreamsRepaired = Meter.CreateCounter<long>("agentplatform.messaging.streams_repaired", "{stream}", "JetStream streams deleted and made anew because the server had lost their files");
    internal static readonly Counter<long> ConsumersRepaired = Meter.CreateCounter<long>("agentplatform.messaging.consumers_repaired", "{consumer}", "JetStream consumers deleted and made anew because they did not move");
    internal static readonly Counter<long> DeadLetters = Meter.CreateCounter<long>("agentplatform.messaging.dead_letters", "{message}", "Messages given up");
}
