namespace AgentPlatform.Messaging;

/// <summary>Bounds and timing of messaging.</summary>
public sealed record MessagingOptions
{
    /// <summary>For example <c>nats://127.0.0.1:7122</c>; the servers of a cluster separated by commas.</summary>
    public required string Url { get; init; }

    /// <summary>Begin with the first of several servers, not with any: for a client that lives beside one of them.</summary>
    public bool UrlsInOrder { get; init; }

    /// <summary>File that holds the NATS token; none when null.</summary>
    public string? TokenFile { get; init; }

    /// <summary>Put before every subject and stream name, so that several platforms can share one NATS; a token of letters, digits and '-', none when empty.</summary>
    public string Namespace { get; init; } = string.Empty;

    /// <summary>How long JetStream may take to acknowledge a publish or answer a request.</summary>
    public TimeSpan RequestTimeout { get; init; } = TimeSpan.FromSeconds(3);

    /// <summary>A silent connection is tried this often; a dead server is noticed within this and <see cref="RequestTimeout"/>.</summary>
    public TimeSpan HeartbeatEvery { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>Pause between two tries to connect.</summary>
    public TimeSpan ReconnectEvery { get; init; } = TimeSpan.FromMilliseconds(100);

    /// <summary>Bytes that may wait for the network to take them, 64 MiB; a server that lets more pile up counts as gone.</summary>
    public long UnsentBytesMax { get; init; } = 64L << 20;

    /// <summary>
    /// How long a server of several may answer PINGs and nothing else before another one is tried; longer than a cluster takes to elect leaders, because
    /// messages that are on their way to us when we leave come again only after <see cref="AckWait"/>.
    /// </summary>
    public TimeSpan LeaveAfter { get; init; } = TimeSpan.FromSeconds(15);

    /// <summary>Requests that wait for an answer at the same time.</summary>
    public int RequestsPendingMax { get; init; } = 10_000;

    /// <summary>How long the server waits for an acknowledgement before it delivers again; extended while a handler works.</summary>
    public TimeSpan AckWait { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>How long one request for messages waits at the server; a server that forgot the request, or lost the consumer, is noticed one second later.</summary>
    public TimeSpan PullDuration { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>Messages one handler works on at the same time, unless it says otherwise.</summary>
    public int ConcurrencyMax { get; init; } = 16;

    /// <summary>Messages one handler holds: those it works on and those that wait for their turn behind the same key.</summary>
    public int HeldMax { get; init; } = 64;

    /// <summary>Tries at one message before it becomes a dead letter; failures of PostgreSQL or NATS themselves do not count.</summary>
    public int AttemptsMax { get; init; } = 5;

    /// <summary>Deliveries of one message, whatever the cause, before it becomes a dead letter: catches one that kills the process.</summary>
    public int DeliveriesMax { get; init; } = 1_000;

    /// <summary>Pause before the second try; doubled each time.</summary>
    public TimeSpan RetryDelay { get; init; } = TimeSpan.FromMilliseconds(200);

    /// <summary>Upper bound of that pause.</summary>
    public TimeSpan RetryDelayMax { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>Tries at a write whose stream moved meanwhile, each with a fresh load.</summary>
    public int ConflictsMax { get; init; } = 20;

    /// <summary>Outbox rows published together.</summary>
    public int OutboxBatchMax { get; init; } = 500;

    /// <summary>The relay looks by itself this often, in case a wake-up was lost with the process that should have sent it.</summary>
    public TimeSpan PollEvery { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>How long a published message is kept, so that it can be published again after JetStream lost it.</summary>
    public TimeSpan OutboxKept { get; init; } = TimeSpan.FromDays(7);

    /// <summary>How many published messages of one kind are kept, whatever their age.</summary>
    public int OutboxRowsMax { get; init; } = 200_000;

    /// <summary>How long the inbox remembers a message; longer than any message can still be delivered.</summary>
    public TimeSpan InboxKept { get; init; } = TimeSpan.FromDays(14);

    /// <summary>How long a dead letter is kept, whether somebody saw to it or not.</summary>
    public TimeSpan DeadLettersKept { get; init; } = TimeSpan.FromDays(90);

    /// <summary>Dead letters that are kept. Beyond it the ones that somebody saw to go first, then the oldest, which is said loudly.</summary>
    public int DeadLettersMax { get; init; } = 10_000;

    /// <summary>Dead letters that one request sends again.</summary>
    public int DeadLettersRetriedMax { get; init; } = 1_000;

    /// <summary>How many messages of one kind from one sender the inbox remembers one by one; older ones are known by their number alone.</summary>
    public int InboxRowsMax { get; init; } = 200_000;

    /// <summary>Pause between two cleanings of outbox and inbox.</summary>
    public TimeSpan CleanEvery { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>Rows deleted by one statement; a larger cleaning is several of them.</summary>
    public int CleanRowsMax { get; init; } = 5_000;

    /// <summary>How often a sender tells up to where it has sent; a lost last message goes unnoticed that long, plus <see cref="ReconcileEvery"/>.</summary>
    public TimeSpan AnnounceEvery { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>How often a receiver compares what it has with what was sent.</summary>
    public TimeSpan ReconcileEvery { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>
    /// How long a message may be missing while JetStream still has something undelivered or unacknowledged for the handler; with nothing of that kind left
    /// it is lost for certain and asked for at once.
    /// </summary>
    public TimeSpan GapGrace { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>
    /// How long Audit may stand still behind the facts it was handed, with nothing left for it in JetStream, before they are handed over again; while
    /// something is left, <see cref="GapGrace"/> counts. Noticed when Audit tells, every <see cref="ReconcileEvery"/>.
    /// </summary>
    public TimeSpan FactsGrace { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>Messages asked for in one request.</summary>
    public int ResendMax { get; init; } = 500;

    /// <summary>How often the same message is asked for before it counts as lost for good.</summary>
    public int ResendAttemptsMax { get; init; } = 10;

    /// <summary>Requests for messages that wait at a sender; more are not heard, and asked again.</summary>
    public int ResendsPendingMax { get; init; } = 64;

    /// <summary>Positions compared at a time.</summary>
    public int ReconcilePositionsMax { get; init; } = 10_000;

    /// <summary>Age at which JetStream drops a message that nobody took.</summary>
    public TimeSpan MessageAgeMax { get; init; } = TimeSpan.FromDays(7);

    /// <summary>Size at which JetStream drops the oldest integration events, in bytes.</summary>
    public long EventsBytesMax { get; init; } = 4L * 1024 * 1024 * 1024;

    /// <summary>Copies of every JetStream stream: 1, or 3 in a cluster of three nodes or more. A stream that is there with another number is changed to this one.</summary>
    public int StreamReplicas { get; init; } = 1;

    /// <summary>Pause before a stream that is not there is made: it may be in the middle of being deleted, and one made in that moment loses its files.</summary>
    public TimeSpan StreamMakePause { get; init; } = TimeSpan.FromMilliseconds(250);

    /// <summary>How often at most a stream that seems to have lost its files is looked at, and deleted if so, by all services together; longer than looking takes.</summary>
    public TimeSpan StreamRepairEvery { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>How long messages may wait before a consumer that asks for them and gets none, before its stream is looked at and they are asked for again.</summary>
    public TimeSpan StuckGrace { get; init; } = TimeSpan.FromSeconds(15);

    /// <summary>Events handed to Audit in one message.</summary>
    public int FactsPerMessageMax { get; init; } = 200;

    /// <summary>Size of one message to Audit, in bytes of event JSON.</summary>
    public int FactBytesPerMessageMax { get; init; } = 2 * 1024 * 1024;

    /// <summary>How often the depth of outbox, consumers and dead letters is looked at for the metrics.</summary>
    public TimeSpan DepthEvery { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>How long a stop waits for handlers that are at work.</summary>
    public TimeSpan DrainMax { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>Checks the options against each other.</summary>
    /// <exception cref="InvalidOperationException">Names the options that contradict.</exception>
    public void Validate()
    {
        NatsAddresses.Parse(Url);
        if (ConcurrencyMax < 1 || HeldMax < ConcurrencyMax)
        {
            throw new InvalidOperationException($"Messaging:HeldMax must be at least ConcurrencyMax, and that at least 1 ({HeldMax}, {ConcurrencyMax})");
        }

        if (UnsentBytesMax < 1 << 20)
        {
            throw new InvalidOperationException($"Messaging:UnsentBytesMax must be at least 1 MiB, what one message may have, not {UnsentBytesMax}");
        }

        if (AckWait < TimeSpan.FromSeconds(1) || AckWait < RequestTimeout)
        {
            throw new InvalidOperationException($"Messaging:AckWait must be at least 1 s and exceed RequestTimeout ({AckWait}, {RequestTimeout})");
        }

        if (LeaveAfter < RequestTimeout)
        {
            throw new InvalidOperationException($"Messaging:LeaveAfter must be at least RequestTimeout ({LeaveAfter}, {RequestTimeout})");
        }

        if (Namespace.Any(c => !char.IsAsciiLetterOrDigit(c) && c != '-'))
        {
            throw new InvalidOperationException($"Messaging:Namespace takes letters, digits and '-', not '{Namespace}'");
        }

        if (InboxKept <= MessageAgeMax || InboxKept <= OutboxKept)
        {
            throw new InvalidOperationException($"Messaging:InboxKept must exceed MessageAgeMax and OutboxKept, or a late message is handled twice ({InboxKept}, {MessageAgeMax}, {OutboxKept})");
        }

        if (AnnounceEvery <= TimeSpan.Zero || ReconcileEvery <= TimeSpan.Zero || CleanEvery <= TimeSpan.Zero || GapGrace < AckWait)
        {
            throw new InvalidOperationException(
                $"Messaging: AnnounceEvery, ReconcileEvery and CleanEvery must be positive, and GapGrace at least AckWait, or what is still at work is asked for ({AnnounceEvery}, {ReconcileEvery}, {CleanEvery}, {GapGrace}, {AckWait})");
        }

        if (OutboxRowsMax < 1 || InboxRowsMax < 1 || CleanRowsMax < 1 || ResendMax < 1 || ResendAttemptsMax < 1 || ResendsPendingMax < 1 || ReconcilePositionsMax < ResendMax)
        {
            throw new InvalidOperationException(
                "Messaging: OutboxRowsMax, InboxRowsMax, CleanRowsMax, ResendMax, ResendAttemptsMax and ResendsPendingMax must be at least 1, ReconcilePositionsMax at least ResendMax");
        }

        if (FactsGrace <= TimeSpan.Zero || FactsGrace > GapGrace)
        {
            throw new InvalidOperationException($"Messaging:FactsGrace must be positive and at most GapGrace ({FactsGrace}, {GapGrace})");
        }

        if (StreamMakePause < TimeSpan.Zero || StuckGrace <= TimeSpan.Zero || StreamRepairEvery < RequestTimeout * 5)
        {
            throw new InvalidOperationException(
                $"Messaging: StreamMakePause must not be negative, StuckGrace must be positive, and StreamRepairEvery at least 5 times RequestTimeout, or two look after one stream at a time ({StreamMakePause}, {StuckGrace}, {StreamRepairEvery}, {RequestTimeout})");
        }

        if (DepthEvery <= TimeSpan.Zero)
        {
            throw new InvalidOperationException($"Messaging:DepthEvery must be positive, not {DepthEvery}");
        }

        if (DeadLettersKept <= TimeSpan.Zero || DeadLettersMax < 1 || DeadLettersRetriedMax < 1)
        {
            throw new InvalidOperationException($"Messaging: DeadLettersKept must be positive, DeadLettersMax and DeadLettersRetriedMax at least 1 ({DeadLettersKept}, {DeadLettersMax}, {DeadLettersRetriedMax})");
        }

        if (AttemptsMax < 1 || DeliveriesMax < AttemptsMax || ConflictsMax < 1 || OutboxBatchMax < 1)
        {
            throw new InvalidOperationException("Messaging: AttemptsMax, ConflictsMax and OutboxBatchMax must be at least 1, DeliveriesMax at least AttemptsMax");
        }

        if (StreamReplicas is not (1 or 3 or 5))
        {
            throw new InvalidOperationException($"Messaging:StreamReplicas is 1, or 3 or 5 in a cluster of at least as many NATS nodes, not {StreamReplicas}: an even number survives no more than the one below it");
        }
    }
}
