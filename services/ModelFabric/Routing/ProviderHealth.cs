using System.Collections.Concurrent;
using AgentPlatform.ModelFabric.Models;
using AgentPlatform.ModelFabric.Wire;
using Microsoft.Extensions.Options;
using Polly;
using Polly.CircuitBreaker;

namespace AgentPlatform.ModelFabric.Routing;

/// <summary>
/// For each provider a bound on the calls at the same time, one on those that begin in a minute where it has such a limit, and a circuit that opens when too many of them failed: then nobody
/// waits for a provider that is down, and it is not kept down by those who ask.
/// </summary>
public sealed class ProviderHealth(IOptions<ModelFabricOptions> options, TimeProvider time)
{
    /// <summary>Failures of the provider, not of the request.</summary>
    private static readonly HashSet<string> Sick =
        ["upstream_unreachable", "upstream_timeout", "upstream_disconnected", "upstream_error", "upstream_unavailable", "upstream_invalid_answer", "upstream_not_streaming"];

    private readonly ConcurrentDictionary<string, Circuit> _circuits = new();
    private readonly ConcurrentDictionary<string, FairGate> _gates = new();
    private readonly ConcurrentDictionary<string, CallPace> _paces = new();

    /// <summary>How long the circuit stays open; null when calls pass.</summary>
    public TimeSpan? OpenFor(string provider) =>
        _circuits.TryGetValue(provider, out var circuit) && circuit.OpenUntil is { } until && until > time.GetUtcNow() ? until - time.GetUtcNow() : null;

    /// <summary>Waits for a place. Refused when too many wait, or when none became free in time.</summary>
    public async Task<IDisposable> Enter(ModelRoute route, string principal, CancellationToken ct)
    {
        var settings = options.Value.Router;
        var max = route.Entry?.ConcurrentCallsMax ?? settings.ConcurrentCallsMax;
        // Under another bound a new gate: who is behind the old one still leaves by it.
        var gate = _gates.AddOrUpdate(route.Provider, _ => new FairGate(max, settings.CallsWaitingMax), (_, known) => known.InsideMax == max ? known : new FairGate(max, settings.CallsWaitingMax));
        var (perMinute, place) = (route.Entry?.CallsPerMinuteMax, gate.TryEnter());
        if (place is not null && perMinute is null)
        {
            return place;
        }
        using var patience = new CancellationTokenSource(settings.WaitMax, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(ct, patience.Token);
        try
        {
            place ??= await gate.Enter(principal, either.Token) ?? throw Busy($"has {max} calls at work, as many as it may", $"{settings.CallsWaitingMax} more wait (ModelFabric:Router:CallsWaitingMax)");
            return perMinute is not { } most || await Pace(route.Provider, most).Begin(principal, either.Token)
                ? place
                : throw Busy($"has begun {most} calls within a minute, as many as it may", $"{settings.CallsWaitingMax} more wait (ModelFabric:Router:CallsWaitingMax)");
        }
        catch (Exception left)
        {
            place?.Dispose();
            if (left is not OperationCanceledException || ct.IsCancellationRequested)
            {
                throw;
            }
            throw place is null
                ? Busy($"has {max} calls at work, as many as it may", $"none ended within {settings.WaitMax.TotalSeconds:0.###} s (ModelFabric:Router:WaitMax)")
                : Busy($"has begun {perMinute} calls within a minute, as many as it may", $"no further one may begin within {settings.WaitMax.TotalSeconds:0.###} s (ModelFabric:Router:WaitMax)");
        }

        ModelCallException Busy(string what, string more) => new(StatusCodes.Status429TooManyRequests,
            new CallError($"Provider '{route.Provider}' {what}, and {more}. Ask again later.", "rate_limit_error", null, "provider_busy"), TimeSpan.FromSeconds(1));
    }

    private CallPace Pace(string provider, int most)
    {
        return _paces.AddOrUpdate(provider, _ => New(), (_, known) => known.CallsMax == most ? known : New());

        CallPace New() => new(most, TimeSpan.FromMinutes(1), options.Value.Router.CallsWaitingMax, time);
    }

    /// <summary>Asks unless the circuit is open; what comes of it opens or closes it.</summary>
    public async Task Ask(ModelRoute route, Func<CancellationToken, Task> ask, CancellationToken ct)
    {
        if (route.Entry is null)
        {
            await ask(ct);
            return;
        }
        var circuit = _circuits.GetOrAdd(route.Provider, _ => new Circuit(options.Value.Router, time));
        try
        {
            await circuit.Pipeline.ExecuteAsync(static async (ask, token) => await ask(token), ask, ct);
        }
        catch (BrokenCircuitException open)
        {
            throw new ModelCallException(StatusCodes.Status503ServiceUnavailable,
                new CallError($"Provider '{route.Provider}' failed too often and is not asked for a while.", "api_error", null, "provider_circuit_open"), OpenFor(route.Provider) ?? open.RetryAfter ?? TimeSpan.FromSeconds(1), open);
        }
    }

    private sealed class Circuit
    {
        private long _openUntilTicks;

        public Circuit(ModelFabricOptions.RouterOptions options, TimeProvider time) => Pipeline = new ResiliencePipelineBuilder { TimeProvider = time }
            .AddCircuitBreaker(new CircuitBreakerStrategyOptions
            {
                FailureRatio = options.CircuitFailureRatio,
                MinimumThroughput = options.CircuitCallsMin,
                SamplingDuration = options.CircuitSampling,
                BreakDuration = options.CircuitOpen,
                ShouldHandle = attempt => ValueTask.FromResult(attempt.Outcome.Exception is ModelCallException failure && Sick.Contains(failure.ErrorClass)),
                OnOpened = opened =>
                {
                    Interlocked.Exchange(ref _openUntilTicks, (time.GetUtcNow() + opened.BreakDuration).UtcTicks);
                    return ValueTask.CompletedTask;
                },
                OnClosed = _ =>
                {
                    Interlocked.Exchange(ref _openUntilTicks, 0);
                    return ValueTask.CompletedTask;
                },
            })
            .Build();

        public ResiliencePipeline Pipeline { get; }

        public DateTimeOffset? OpenUntil => Interlocked.Read(ref _openUntilTicks) is > 0 and var ticks ? new DateTimeOffset(ticks, TimeSpan.Zero) : null;
    }
}
