using System.Diagnostics;
using System.Security.Cryptography;
using AgentPlatform.ModelFabric.Budgets;
using AgentPlatform.ModelFabric.Exchanges;
using AgentPlatform.ModelFabric.Models;
using AgentPlatform.ModelFabric.Policies;
using AgentPlatform.ModelFabric.Routing;
using AgentPlatform.ModelFabric.Telemetry;
using AgentPlatform.ModelFabric.Tokens;
using AgentPlatform.ModelFabric.Wire;
using Microsoft.Extensions.Options;

namespace AgentPlatform.ModelFabric.Calls;

/// <summary>
/// What every route to a model does: read, route, answer, record. Every call that was routed ends as exactly one record,
/// however it ends.
/// </summary>
public sealed partial class AnswerCall(
    PlanCall router, TryCandidates candidates, IModelCallLog calls, RecordCalls records, HoldPolicies policies, CallsInFlight inFlight, FabricTelemetry telemetry,
    IOptions<ModelFabricOptions> options, TimeProvider time, ILogger<AnswerCall> logger)
{
    private const string JsonType = "application/json";
    private static readonly TimeSpan RecordDurationMax = TimeSpan.FromSeconds(15);
    private readonly ILogger _logger = logger;

    public async Task Handle(HttpContext http, WireFormat format)
    {
        var ct = http.RequestAborted;
        records.Admit();
        var origin = CallHeaders.Origin(http);
        var workspace = CallHeaders.Workspace(http.Request);
        var request = format.Scan(await ReadBody.From(http, options.Value.RequestBytesMax, ct), http.Request.ContentType) with { Headers = CallHeaders.Passed(http.Request, format) };
        var now = time.GetUtcNow();
        var id = Guid.CreateVersion7(now);
        var estimate = new Lazy<RequestEstimate>(() => EstimateRequest.Of(request, request.Model, options.Value.Budgets.MediaTokensReserved));
        var plan = await router.For(request, estimate, key: origin.Run ?? id.ToString(), CallHeaders.IsLocalOnly(http.Request), workspace, ct);
        var requestHash = Convert.ToHexStringLower(SHA256.HashData(request.Body.Span));

        // A stream is not repeated from the record: its client has seen part of it, and only it knows which part.
        var repeatable = !request.Stream && format.AnswersJson && origin.IdempotencyKey is not null;
        using var claim = repeatable ? inFlight.TryEnter(origin.Principal, origin.IdempotencyKey!) ?? throw InFlight() : null;
        if (repeatable && await calls.Find(origin.Principal, origin.IdempotencyKey!, ct) is { } recorded)
        {
            await Repeat(http, recorded, requestHash, ct);
            return;
        }

        var call = new ModelCall(id, request, plan.Candidates[0].Model, workspace, origin.Principal, now, estimate) { RequestSha256 = requestHash };
        http.Response.Headers[CallHeaders.Call] = http.Response.Headers[format.RequestIdHeader] = call.Id.ToString();
        var wish = await Wish(call, ct);
        if (wish.CachedFor is { } fresh && await calls.FindTexts(wish.Key, now - fresh, ct) is { } known)
        {
            await GiveAgain(http, call, plan.Candidates[0], known, origin, requestHash, ct);
            return;
        }
        await Answer(http, call, plan, origin, requestHash, repeatable, wish, ct);
    }

    /// <summary>What policies want of the texts of this call.</summary>
    private async Task<TextsWanted> Wish(ModelCall call, CancellationToken ct)
    {
        var fitting = await policies.Of(call.Principal, call.Request.Model, ct);
        if (!fitting.Any(policy => policy.KeepTexts || policy.CacheSeconds is not null) || call.Request.Body.Length > options.Value.Records.TextBytesMax)
        {
            return TextsWanted.None;
        }
        // Of several bounds on the age of an answer the strictest holds.
        var cached = fitting.Min(policy => policy.CacheSeconds) is { } seconds && call.Request.Format.AnswersJson ? (TimeSpan?)TimeSpan.FromSeconds(seconds) : null;
        return new TextsWanted(KeptTexts.KeyOf(call.Principal, call.Request, call.Request.Model), fitting.Any(policy => policy.KeepTexts), cached);
    }

    /// <summary>The same request again, while a policy lets its answer stand: nobody is asked, nothing is spent, and it is a call like any other.</summary>
    private async Task GiveAgain(HttpContext http, ModelCall call, ModelRoute route, KeptTexts known, CallOrigin origin, string requestHash, CancellationToken ct)
    {
        http.Response.Headers[CallHeaders.Cache] = "hit";
        records.Add(new CallEntry(call.Id, new ModelCallRecord
        {
            Id = call.Id, Model = call.Request.Model, Provider = route.Provider, Origin = origin, Streaming = call.Request.Stream, StartedAt = call.At, TotalMilliseconds = 0,
            Status = StatusCodes.Status200OK, RequestSha256 = requestHash, ResponseSha256 = Convert.ToHexStringLower(SHA256.HashData(known.Answer.Span)), CachedFrom = known.Call, Trace = Activity.Current?.TraceId.ToString(),
        }, Settlement: null, TraceParent: Activity.Current?.Id));
        await SendWhole(http, known.Answer, known.ContentType, ct);
    }

    private readonly record struct TextsWanted(string Key, bool Keeps, TimeSpan? CachedFor)
    {
        public static readonly TextsWanted None = new("", Keeps: false, CachedFor: null);

        public bool Any => Keeps || CachedFor is not null;
    }

    private async Task Answer(HttpContext http, ModelCall call, CallPlan plan, CallOrigin origin, string requestHash, bool repeatable, TextsWanted wish, CancellationToken ct)
    {
        var (startedAt, started) = (time.GetUtcNow(), time.GetTimestamp());
        using var activity = FabricTelemetry.Start(plan.Candidates[0], call.Request.Format.Operation, origin);
        using var outcome = await candidates.Run(http, call, plan, origin, started, wish.Any ? options.Value.Records.TextBytesMax : 0, ct);
        var (attempt, sink, failure, route) = (outcome.Attempt, outcome.Sink, outcome.Attempt.Failure, outcome.Attempt.Route);
        var texts = failure is null && sink.Observed.ErrorInAnswer is null ? Texts(call, sink, wish) : null;
        var record = new ModelCallRecord
        {
            Id = call.Id,
            Model = call.Request.Model,
            Provider = route.Provider,
            Origin = origin,
            Streaming = call.Request.Stream,
            StartedAt = startedAt,
            FirstTokenMilliseconds = sink.FirstTokenMilliseconds,
            TotalMilliseconds = time.GetElapsedTime(started).TotalMilliseconds,
            Status = failure is null || sink.Streaming && failure.Status != TryProvider.ClientClosedRequest ? StatusCodes.Status200OK : failure.Status,
            ResponseModel = sink.Observed.Model,
            FinishReason = sink.Observed.FinishReason,
            Usage = attempt.Usage,
            Cost = attempt.Settlement?.Money,
            UpstreamModel = plan.Route is null ? null : route.Model,
            Before = outcome.Before.Count == 0 ? null : [.. outcome.Before],
            Host = route.IsLocal ? null : route.Entry!.BaseUrl.IdnHost,
            Redactions = sink.Observed.Redactions,
            TextsKept = texts?.Request is not null,
            Trace = Activity.Current?.TraceId.ToString(),
            RequestSha256 = requestHash,
            ResponseSha256 = sink.Sha256,
            ErrorClass = failure?.ErrorClass ?? sink.Observed.ErrorInAnswer,
        };
        telemetry.End(activity, route, call.Request.Format.Operation, record);

        if (repeatable && failure is null && sink.Answer is { } answer && answer.Length <= options.Value.RecordedAnswerBytesMax)
        {
            // A repeatable answer is recorded before the client sees it: whoever asks again must be told the same.
            var recorded = await StoreRepeatable(record, attempt.Settlement, answer);
            if (recorded is not null && recorded.RequestSha256 != requestHash)
            {
                throw OtherRequest();
            }
            if (texts is not null)
            {
                records.Add(new CallEntry(call.Id, Record: null, Settlement: null, texts));
            }
            await SendWhole(http, recorded?.Body ?? answer, sink.ContentType, ct);
            return;
        }
        // Before the client is told: it may leave, and its call is recorded all the same.
        records.Add(new CallEntry(call.Id, record, attempt.Settlement, texts, Activity.Current?.Id));
        if (failure is not null)
        {
            CallFailed(call.Id, call.Request.Model, failure.ErrorClass, failure.Status);
            await Tell(http, sink, failure, ct);
        }
        else if (sink.Answer is { } whole)
        {
            await SendWhole(http, whole, sink.ContentType, ct);
        }
    }

    private KeptTexts? Texts(ModelCall call, AnswerSink sink, TextsWanted wish)
    {
        if (!wish.Any || sink.Kept is not { } answer)
        {
            return null;
        }
        var until = wish.Keeps ? options.Value.Records.TextsKept : wish.CachedFor!.Value;
        return new KeptTexts(call.Id, wish.Key, sink.Streaming ? AnswerSink.EventStream : sink.ContentType, wish.Keeps ? (ReadOnlyMemory<byte>?)call.Request.Body : null, answer, call.At, call.At + until);
    }

    private static async Task Tell(HttpContext http, AnswerSink sink, ModelCallException failure, CancellationToken ct)
    {
        if (ct.IsCancellationRequested)
        {
            return;
        }
        if (!sink.Streaming)
        {
            throw failure;
        }
        if (!sink.StreamEnded)
        {
            await sink.FailStream(failure, ct);
        }
    }

    private async Task<RecordedAnswer?> StoreRepeatable(ModelCallRecord record, Settlement? settlement, ReadOnlyMemory<byte> answer)
    {
        // Not the request's token: a call whose client has gone is recorded all the same.
        using var patience = new CancellationTokenSource(RecordDurationMax, time);
        try
        {
            var known = await calls.Store(record, settlement, answer, patience.Token);
            records.Stored(new CallEntry(record.Id, record, settlement));
            return known;
        }
        catch (Exception lost) when (lost is not OutOfMemoryException)
        {
            NotRepeatable(lost, record.Id);
            records.Add(new CallEntry(record.Id, record, settlement, TraceParent: Activity.Current?.Id));
            throw ModelCallException.Upstream("store_unavailable", "The answer could not be recorded, so it could not be repeated. Ask again.", StatusCodes.Status503ServiceUnavailable, lost);
        }
    }

    private static async Task Repeat(HttpContext http, RecordedAnswer recorded, string requestHash, CancellationToken ct)
    {
        if (recorded.RequestSha256 != requestHash)
        {
            throw OtherRequest();
        }
        http.Response.Headers[CallHeaders.Call] = recorded.CallId.ToString();
        http.Response.Headers[CallHeaders.Replayed] = "true";
        await SendWhole(http, recorded.Body, JsonType, ct);
    }

    private static async Task SendWhole(HttpContext http, ReadOnlyMemory<byte> body, string contentType, CancellationToken ct)
    {
        http.Response.ContentType = contentType;
        http.Response.ContentLength = body.Length;
        await http.Response.Body.WriteAsync(body, ct);
        await http.Response.Body.FlushAsync(ct);
    }

    private static ModelCallException InFlight() => new(StatusCodes.Status409Conflict,
        new CallError("A request with this Idempotency-Key is being answered. Ask again when it has ended.", "invalid_request_error", null, "idempotency_key_in_flight"),
        TimeSpan.FromSeconds(1));

    private static ModelCallException OtherRequest() => ModelCallException.Invalid("idempotency_key_reused",
        "This Idempotency-Key was used for another request. Use a new key for a new request.", status: StatusCodes.Status422UnprocessableEntity);
}
