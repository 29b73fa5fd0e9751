using AgentPlatform.Contracts;
using AgentPlatform.EventStore;
using AgentPlatform.ToolGateway.Invocations;
using AgentPlatform.ToolGateway.Toolkits;

namespace AgentPlatform.ToolGateway.Usage;

/// <summary>How often each tool was called, how it ended and how long it took; made from the ledgers of all calls.</summary>
/// <param name="Tool"><c>server.tool@version</c>.</param>
/// <param name="Calls">Asked for.</param>
/// <param name="Open">Of those, not settled yet.</param>
/// <param name="Outcomes">Settled ones by how they ended.</param>
/// <param name="MsTotal">Time of all that ran.</param>
/// <param name="MsMax">The longest.</param>
/// <param name="MsBuckets">How many ran at most 1, 2, 4, 8, … ms.</param>
/// <param name="LastAt">The last thing that happened.</param>
/// <param name="Condition">What its calls say about the tool.</param>
internal sealed record ToolUsage(
    string Tool, long Calls, long Open, Dictionary<ToolOutcomeStatus, long> Outcomes, double MsTotal, double MsMax, long[] MsBuckets, DateTimeOffset LastAt, ToolCondition? Condition = null)
{
    public const string List = "tool-usage";

    // What the tool answers for: a call that came this far and failed for another reason says nothing about it.
    private static readonly string[] Faults = [FailureClass.Unavailable, FailureClass.Timeout, FailureClass.UnknownOutcome, FailureClass.SandboxLayer, FailureClass.Failed, FailureClass.Unreadable, "internal"];
    private const double Weight = 0.1;

    // Two to the 22nd milliseconds are more than an hour; no tool may take longer.
    private const int Buckets = 23;

    public static ToolUsage None(string tool) => new(tool, 0, 0, [], 0, 0, new long[Buckets], DateTimeOffset.MinValue);

    public ToolUsage Asked(DateTimeOffset at) => this with { Calls = Calls + 1, Open = Open + 1, LastAt = Later(at) };

    public ToolUsage Settled(int attempt, ToolOutcome outcome, DateTimeOffset at)
    {
        var outcomes = new Dictionary<ToolOutcomeStatus, long>(Outcomes);
        outcomes[outcome.Status] = outcomes.GetValueOrDefault(outcome.Status) + 1;
        var settled = this with { Open = Open - 1, Outcomes = outcomes, LastAt = Later(at) };

        // A call that was refused took no time; it says nothing about the tool.
        if (attempt == 0)
        {
            return settled;
        }

        var ms = outcome.DurationMs;
        long[] buckets = [.. MsBuckets];
        buckets[ms <= 1 ? 0 : Math.Min(Buckets - 1, (int)Math.Ceiling(Math.Log2(ms)))]++;
        return settled with { MsTotal = MsTotal + ms, MsMax = Math.Max(MsMax, ms), MsBuckets = buckets, Condition = Next(outcome, at) };
    }

    /// <summary>How it is doing; null where no call says so.</summary>
    public ToolHealth? Health() => Condition is not { } now ? null : new(
        now.Failing ? ToolHealthState.Failing : ToolHealthState.Up, now.Since, Math.Round(now.ErrorRate, 3), now.LastError, now.LastErrorAt,
        Math.Min(MsMax, Percentile(MsBuckets.Sum(), 0.5)), Math.Min(MsMax, Percentile(MsBuckets.Sum(), 0.95)));

    private ToolCondition? Next(ToolOutcome outcome, DateTimeOffset at)
    {
        var failed = outcome.Error is { } error && (Faults.Contains(error.Class, StringComparer.Ordinal) || outcome.Status == ToolOutcomeStatus.NeedsReconcile);
        if (!failed && outcome.Status != ToolOutcomeStatus.Completed)
        {
            return Condition;
        }

        var before = Condition ?? new ToolCondition(failed, at, failed ? 1 : 0, null, null);
        return new ToolCondition(
            failed,
            before.Failing == failed ? before.Since : at,
            ((1 - Weight) * before.ErrorRate) + (failed ? Weight : 0),
            failed ? Short(outcome.Error!.Message) : before.LastError,
            failed ? at : before.LastErrorAt);
    }

    private static string Short(string message)
    {
        const int most = 500;
        return message.Length <= most ? message : $"{message[..most]}…";
    }

    public ToolUsageView View()
    {
        var ran = MsBuckets.Sum();
        return new ToolUsageView(Tool, Calls, Open, Outcomes, ran == 0 ? null : MsTotal / ran, ran == 0 ? null : Math.Min(MsMax, Percentile(ran, 0.95)), ran == 0 ? null : MsMax, LastAt);
    }

    private double Percentile(long ran, double share)
    {
        var below = 0L;
        for (var i = 0; i < MsBuckets.Length; i++)
        {
            below += MsBuckets[i];
            if (below >= share * ran)
            {
                return Math.Pow(2, i);
            }
        }

        return MsMax;
    }

    private DateTimeOffset Later(DateTimeOffset at) => at > LastAt ? at : LastAt;
}

/// <summary>Whether a tool works, by its last calls.</summary>
internal sealed record ToolCondition(bool Failing, DateTimeOffset Since, double ErrorRate, string? LastError, DateTimeOffset? LastErrorAt);

/// <summary>Keeps <see cref="ToolUsage"/>. The end of a call does not name its tool, so what is open is kept beside it.</summary>
internal sealed class ToolUsageProjection : Projection
{
    private const string OpenCalls = "tool-calls-open";

    public override string Name => "ToolUsage";

    public override int Version => 2;

    public override IReadOnlyList<string> Views => [ToolUsage.List, OpenCalls];

    public override IReadOnlyList<string> Kinds => [Invocation.Kind.Name];

    public override bool Wants(Type type) => type == typeof(InvocationEvent.Requested) || type == typeof(InvocationEvent.Settled);

    public override async Task Apply(IReadOnlyList<ProjectedEvent> events, ProjectionBatch batch, CancellationToken ct)
    {
        await batch.Load<OpenCall>(OpenCalls, events.Select(e => e.Stored.Stream), ct);
        foreach (var (stored, fact) in events)
        {
            if (fact is InvocationEvent.Requested asked)
            {
                batch.Upsert(new ViewRow(OpenCalls, stored.Stream, stored.Stream, asked.ToolId, new OpenCall(asked.ToolId)));
                await Change(asked.ToolId, usage => usage.Asked(asked.At));
            }
            else if (fact is InvocationEvent.Settled settled && await batch.Find<OpenCall>(OpenCalls, stored.Stream, ct) is { } open)
            {
                batch.Delete(OpenCalls, stored.Stream);
                await Change(open.Tool, usage => usage.Settled(settled.Attempt, settled.Outcome, settled.At));
            }
        }

        async Task Change(string tool, Func<ToolUsage, ToolUsage> change)
        {
            var usage = await batch.Find<ToolUsage>(ToolUsage.List, tool, ct) ?? ToolUsage.None(tool);
            batch.Upsert(new ViewRow(ToolUsage.List, tool, tool, Tag: null, change(usage)));
        }
    }

    private sealed record OpenCall(string Tool);
}
