using AgentPlatform.ModelFabric.Budgets;
using AgentPlatform.ModelFabric.Calls;
using AgentPlatform.ModelFabric.Models;
using AgentPlatform.ModelFabric.Wire;

namespace AgentPlatform.ModelFabric.Routing;

/// <summary>The attempt that counts, and those before it.</summary>
public sealed record Outcome(Attempt Attempt, AnswerSink Sink, IReadOnlyList<CallAttempt> Before) : IDisposable
{
    public void Dispose() => Sink.Dispose();
}

/// <summary>Asks one candidate after the other, or two beside each other where the route says so, until one answers. Once a byte went to the caller nobody else is asked.</summary>
public sealed partial class TryCandidates(TryProvider provider, HedgeCandidates hedges, IBudgetLedger ledger, RecordCalls records, TimeProvider time, ILogger<TryCandidates> logger)
{
    private static readonly TimeSpan SettleDurationMax = TimeSpan.FromSeconds(15);

    /// <summary>Failures that say nothing about how another candidate would do.</summary>
    private static readonly HashSet<string> FallsBack =
    [
        "upstream_unreachable", "upstream_timeout", "upstream_disconnected", "upstream_error", "upstream_unavailable", "rate_limit_exceeded", "provider_busy", "provider_circuit_open",
        "provider_refused_key", "provider_key_unavailable", "context_length_exceeded", "upstream_invalid_answer", "upstream_invalid_event", "upstream_not_streaming",
        "upstream_answer_too_large", "upstream_echoed_key", "error_in_stream", "answer_not_carried", "not_carried", "model_not_found", "budget_exhausted", "price_unknown",
        "host_not_allowed", "not_redactable", "media_not_allowed", "exchange_not_recorded",
    ];

    private readonly ILogger _logger = logger;

    public async Task<Outcome> Run(HttpContext http, ModelCall call, CallPlan plan, CallOrigin origin, long started, int keepBytes, CancellationToken ct)
    {
        var before = new List<CallAttempt>();
        for (var n = 0; ; n++)
        {
            var (route, isLast, asked) = (plan.Candidates[n], n == plan.Candidates.Count - 1, time.GetTimestamp());
            AnswerSink sink;
            Attempt attempt;
            if (!isLast && plan.HedgeAfter is { } after)
            {
                var hedge = await hedges.Run(call, route, plan.Candidates[n + 1], origin, Sink, after, plan.FirstTokenWithin, ct);
                (attempt, sink) = (hedge.Counts.Attempt, hedge.Counts.Sink);
                if (hedge.Other is { } other)
                {
                    other.Sink.Dispose();
                    // Both ended when the one that is not heard gave up: what the caller's own leaving looks like is here the other's being faster.
                    var why = other.Attempt.Failure?.ErrorClass is null or "client_closed" && !ct.IsCancellationRequested ? HedgeCandidates.Overtaken : other.Attempt.Failure?.ErrorClass ?? HedgeCandidates.Overtaken;
                    before.Add(new CallAttempt(other.Attempt.Route.Provider, other.Attempt.Route.Model, why, time.GetElapsedTime(asked).TotalMilliseconds));
                    await Settle(call, other.Attempt.Settlement);
                    (n, route) = (n + 1, attempt.Route);
                    isLast = n == plan.Candidates.Count - 1;
                }
            }
            else
            {
                sink = Sink(route);
                attempt = await provider.Try(call with { Model = route.Model }, route, origin, sink, isLast ? null : plan.FirstTokenWithin, ct);
            }
            if (isLast || attempt.Failure is not { } failure || sink.Streaming || !FallsBack.Contains(failure.ErrorClass))
            {
                sink.TellHeaders();
                return new Outcome(attempt, sink, before);
            }
            sink.Dispose();
            before.Add(new CallAttempt(route.Provider, route.Model, failure.ErrorClass, time.GetElapsedTime(asked).TotalMilliseconds));
            FellBack(call.Id, plan.Route ?? call.Request.Model, $"{route.Provider}/{route.Model}", failure.ErrorClass);
            await Settle(call, attempt.Settlement);
        }

        AnswerSink Sink(ModelRoute route)
        {
            var sink = new AnswerSink(http.Response, call.Request.Format, time, started);
            if (plan.Route is not null)
            {
                sink.Names($"{route.Provider}/{route.Model}");
            }
            if (keepBytes > 0)
            {
                sink.Keep(keepBytes);
            }
            return sink;
        }
    }

    /// <summary>At once and by itself: the budgets must have it back before the next candidate reserves.</summary>
    private async Task Settle(ModelCall call, Settlement? settlement)
    {
        if (settlement is null)
        {
            return;
        }
        using var patience = new CancellationTokenSource(SettleDurationMax, time);
        try
        {
            await ledger.Settle(settlement, patience.Token);
        }
        catch (Exception lost) when (lost is not OutOfMemoryException)
        {
            SettledLater(lost, call.Id, settlement.Provider);
            records.Add(new CallEntry(call.Id, Record: null, settlement));
        }
    }

    [LoggerMessage(4221, LogLevel.Information, "Call {Call} to route {Route}: {Candidate} failed as {ErrorClass}, the next is asked")]
    private partial void FellBack(Guid call, string route, string candidate, string errorClass);

    [LoggerMessage(4222, LogLevel.Warning, "What call {Call} used at {Provider} could not be stored yet; it is tried again with the records, budgets hold it as reserved until then")]
    private partial void SettledLater(Exception exception, Guid call, string provider);
}
