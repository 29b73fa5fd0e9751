using System.Diagnostics;
using AgentPlatform.ModelFabric.Budgets;
using AgentPlatform.ModelFabric.Models;
using AgentPlatform.ModelFabric.Policies;
using AgentPlatform.ModelFabric.Routing;
using AgentPlatform.ModelFabric.Wire;
using AgentPlatform.ModelFabric.Wire.Messages;

namespace AgentPlatform.ModelFabric.Calls;

/// <summary>How one attempt at a provider ended.</summary>
/// <param name="Failure">Null when the provider answered in full.</param>
/// <param name="Usage">What was used, or is taken to have been; null when the provider did nothing that costs.</param>
/// <param name="Settlement">Null when the provider was never asked.</param>
public sealed record Attempt(ModelRoute Route, ModelCallException? Failure, TokenUsage? Usage, Settlement? Settlement);

/// <summary>One attempt: set aside what it may cost, ask, and reckon what it did cost. It never throws; every way it can end is an <see cref="Attempt"/>.</summary>
public sealed partial class TryProvider(HoldBudgets budgets, HoldPolicies policies, ProviderHealth health, CallJournal journal, TimeProvider time, ILogger<TryProvider> logger)
{
    public const int ClientClosedRequest = 499;

    /// <summary>How a call is recorded whose process died before it ended; what became of it at the provider nobody knows.</summary>
    public const string GatewayDied = "gateway_died";

    /// <summary>Ends after which nobody knows whether the provider read the question, and bills it.</summary>
    private static readonly HashSet<string> MayCost =
    [
        "client_closed", HedgeCandidates.Overtaken, "upstream_timeout", "call_too_long", "upstream_disconnected", "upstream_invalid_answer", "upstream_invalid_event", "upstream_not_streaming",
        "upstream_answer_too_large", "upstream_echoed_key", "answer_not_carried", "error_in_stream", "internal_error",
    ];

    private readonly ILogger _logger = logger;

    public async Task<Attempt> Try(ModelCall call, ModelRoute route, CallOrigin origin, AnswerSink sink, TimeSpan? firstTokenWithin, CancellationToken ct)
    {
        BudgetHold? hold = null;
        var failure = await Caught(call, async () =>
        {
            var guarded = await policies.Guard(call, route, origin.Principal, sink.Observed, ct);
            using var place = await health.Enter(route, origin.Principal, ct);
            hold = await budgets.Reserve(call, route, origin, ct);
            Journal(call, route, origin, hold);
            await health.Ask(route, token => Ask(guarded, route, sink, firstTokenWithin, token), ct);
        }, ct);
        if (hold is null)
        {
            return new Attempt(route, failure, Usage: null, Settlement: null);
        }
        var usage = sink.FirstTokenMilliseconds is not null || sink.Observed.Usage is not null ? sink.Observed.Tokens(() => call.Estimate.Value.Input)
            : failure is not null && MayCost.Contains(failure.ErrorClass) ? new TokenUsage(call.Estimate.Value.Input, 0, Estimated: true)
            : null;
        return new Attempt(route, failure, usage, hold.Settle(usage, failed: failure is not null || sink.Observed.ErrorInAnswer is not null));
    }

    /// <summary>From here on the provider may be asked: if this process dies, the next one tells of the call and counts what it had set aside.</summary>
    private void Journal(ModelCall call, ModelRoute route, CallOrigin origin, BudgetHold hold)
    {
        var settlement = hold.Settle(hold.Reserved, failed: true);
        try
        {
            journal.Note(new CallEntry(call.Id, new ModelCallRecord
            {
                Id = call.Id, Model = call.Request.Model, Provider = route.Provider, Origin = origin, Streaming = call.Request.Stream, StartedAt = call.At, TotalMilliseconds = 0,
                Status = StatusCodes.Status500InternalServerError, ErrorClass = GatewayDied, UpstreamModel = call.Request.Model.Contains('/', StringComparison.Ordinal) ? null : route.Model,
                Usage = hold.Reserved, Cost = settlement.Money, Host = route.IsLocal ? null : route.Entry!.BaseUrl.IdnHost, RequestSha256 = call.RequestSha256,
                Trace = Activity.Current?.TraceId.ToString(),
            }, settlement, TraceParent: Activity.Current?.Id));
        }
        catch (Exception full) when (full is IOException or UnauthorizedAccessException)
        {
            throw ModelCallException.Upstream("journal_unavailable",
                $"The call cannot be noted in {journal.Folder} before its provider is asked, and none is made that may stay without a record: {full.Message}", StatusCodes.Status503ServiceUnavailable, full);
        }
    }

    private async Task Ask(ModelCall call, ModelRoute route, AnswerSink sink, TimeSpan? within, CancellationToken ct)
    {
        if (call.Request.Format is CountMessagesFormat && route.Entry?.Dialect.Speaks.Contains(call.Request.Format.Name) != true)
        {
            sink.Whole(CountMessagesFormat.Answer(call.Estimate.Value.Input));
            return;
        }
        if (within is not { } patience)
        {
            await route.Answer(call, sink, ct);
            return;
        }
        using var slow = CancellationTokenSource.CreateLinkedTokenSource(ct);
        // Disposed before its source: a timer that is just going off is waited for.
        await using var timer = time.CreateTimer(_ =>
        {
            if (sink.GiveUp())
            {
                slow.Cancel();
            }
        }, null, patience, Timeout.InfiniteTimeSpan);
        try
        {
            await route.Answer(call, sink, slow.Token);
        }
        catch (OperationCanceledException) when (slow.IsCancellationRequested && !ct.IsCancellationRequested)
        {
            throw ModelCallException.Upstream("upstream_timeout", $"Provider '{route.Provider}' began no answer within {patience.TotalSeconds:0.###} s, and the route has another (firstTokenWithinSeconds).",
                StatusCodes.Status504GatewayTimeout);
        }
    }

    private async Task<ModelCallException?> Caught(ModelCall call, Func<Task> attempt, CancellationToken ct)
    {
        try
        {
            await attempt();
            return null;
        }
        catch (ModelCallException failure)
        {
            return failure;
        }
        catch (OperationCanceledException) when (ct.IsCancellationRequested)
        {
            return new ModelCallException(ClientClosedRequest, new CallError("The client closed the request.", "api_error", null, "client_closed"));
        }
        catch (Exception bug)
        {
            // The record must not depend on what went wrong; the cause goes to the log in full and to the client as a reference.
            CallBroke(bug, call.Id, call.Request.Model);
            return ModelCallException.Upstream("internal_error", $"The gateway failed; its log names call {call.Id}.", StatusCodes.Status500InternalServerError, bug);
        }
    }

    [LoggerMessage(4201, LogLevel.Error, "Call {Call} to {Model} failed inside the gateway; this is a bug, the client was told 'internal_error'")]
    private partial void CallBroke(Exception exception, Guid call, string model);
}
