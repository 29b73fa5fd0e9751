using System.Diagnostics;
using System.Diagnostics.Metrics;
using AgentPlatform.ModelFabric.Calls;
using AgentPlatform.ModelFabric.Models;

namespace AgentPlatform.ModelFabric.Telemetry;

/// <summary>Spans and metrics by the GenAI semantic conventions. No prompt, answer or key is ever an attribute.</summary>
public sealed class FabricTelemetry : IDisposable
{
    public const string Name = "AgentPlatform.ModelFabric";
    private static readonly ActivitySource Source = new(Name);
    private readonly Meter _meter;
    private readonly Histogram<long> _tokens;
    private readonly Histogram<double> _duration;

    public FabricTelemetry(IMeterFactory meters)
    {
        _meter = meters.Create(Name);
        // The bucket boundaries are the conventions' own advice.
        _tokens = _meter.CreateHistogram("gen_ai.client.token.usage", "{token}", "Tokens a call used", advice: new InstrumentAdvice<long>
        {
            HistogramBucketBoundaries = [1, 4, 16, 64, 256, 1024, 4096, 16384, 65536, 262144, 1048576, 4194304, 16777216, 67108864],
        });
        _duration = _meter.CreateHistogram("gen_ai.client.operation.duration", "s", "Time from request to the last byte of the answer", advice: new InstrumentAdvice<double>
        {
            HistogramBucketBoundaries = [0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92],
        });
    }

    public static Activity? Start(ModelRoute route, string operation, CallOrigin origin)
    {
        var activity = Source.StartActivity($"{operation} {route.Provider}/{route.Model}", ActivityKind.Client);
        activity?.SetTag("gen_ai.operation.name", operation)
            .SetTag("gen_ai.provider.name", route.Kind)
            .SetTag("gen_ai.request.model", route.Model)
            .SetTag("agentplatform.provider", route.Provider)
            .SetTag("agentplatform.run", origin.Run)
            .SetTag("agentplatform.task", origin.Task);
        return activity;
    }

    public void End(Activity? activity, ModelRoute route, string operation, ModelCallRecord record)
    {
        if (record.FinishReason is { } reason)
        {
            activity?.SetTag("gen_ai.response.finish_reasons", new[] { reason });
        }
        // Of a route the one that counted in the end, which need not be the one the span began with.
        activity?.SetTag("gen_ai.provider.name", route.Kind)
            .SetTag("gen_ai.request.model", route.Model)
            .SetTag("agentplatform.provider", route.Provider)
            .SetTag("gen_ai.response.model", record.ResponseModel)
            .SetTag("gen_ai.usage.input_tokens", record.Usage?.Input)
            .SetTag("gen_ai.usage.output_tokens", record.Usage?.Output)
            .SetTag("error.type", record.ErrorClass);
        if (record.ErrorClass is { } failure)
        {
            activity?.SetStatus(ActivityStatusCode.Error, failure);
        }

        var tags = new TagList
        {
            { "gen_ai.operation.name", operation },
            { "gen_ai.provider.name", route.Kind },
            { "gen_ai.request.model", route.Model },
        };
        if (record.Usage is { } usage)
        {
            _tokens.Record(usage.Input, [.. tags, new("gen_ai.token.type", "input")]);
            _tokens.Record(usage.Output, [.. tags, new("gen_ai.token.type", "output")]);
        }
        if (record.ErrorClass is { } error)
        {
            tags.Add("error.type", error);
        }
        _duration.Record(record.TotalMilliseconds / 1000, tags);
    }

    public void Dispose() => _meter.Dispose();
}
