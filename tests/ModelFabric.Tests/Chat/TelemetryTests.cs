using System.Collections.Concurrent;
using System.Diagnostics;
using System.Diagnostics.Metrics;
using AgentPlatform.ModelFabric.Telemetry;
using AgentPlatform.ModelFabric.Tests.Fixtures;

namespace AgentPlatform.ModelFabric.Tests.Chat;

public sealed class TelemetryTests
{
    [Fact]
    public async Task A_call_is_a_span_and_two_metrics_by_the_genai_conventions()
    {
        var run = Guid.CreateVersion7().ToString();
        var spans = new ConcurrentQueue<Activity>();
        var ended = new TaskCompletionSource();
        var measured = new ConcurrentQueue<(string Name, double Value, string? Type)>();
        using var listener = new ActivityListener
        {
            ShouldListenTo = source => source.Name == FabricTelemetry.Name,
            Sample = (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllData,
            ActivityStopped = span =>
            {
                if ((string?)span.GetTagItem("agentplatform.run") == run)
                {
                    spans.Enqueue(span);
                    ended.TrySetResult();
                }
            },
        };
        ActivitySource.AddActivityListener(listener);
        using var meters = new MeterListener { InstrumentPublished = (instrument, me) => { if (instrument.Meter.Name == FabricTelemetry.Name) { me.EnableMeasurementEvents(instrument); } } };
        void Note(Instrument instrument, double value, ReadOnlySpan<KeyValuePair<string, object?>> tags)
        {
            var all = tags.ToArray().ToDictionary(tag => tag.Key, tag => tag.Value);
            // Meters of tests that run beside this one are heard as well; the model is this test's own.
            if ((string?)all["gen_ai.request.model"] == run)
            {
                measured.Enqueue((instrument.Name, value, (string?)all.GetValueOrDefault("gen_ai.token.type")));
            }
        }
        meters.SetMeasurementEventCallback<long>((instrument, value, tags, _) => Note(instrument, value, tags));
        meters.SetMeasurementEventCallback<double>((instrument, value, tags, _) => Note(instrument, value, tags));
        meters.Start();

        await using var upstream = await FakeUpstream.Start();
        await using var fabric = await FabricHost.Start(("ModelFabric:Providers:any:BaseUrl", upstream.BaseUrl));
        using var response = await fabric.Chat(FabricHost.Ask($"any/{run}"), ("x-agentplatform-run", run));
        response.EnsureSuccessStatusCode();
        await ended.Task.WaitAsync(TimeSpan.FromSeconds(10));

        var span = Assert.Single(spans);
        Assert.Equal(ActivityKind.Client, span.Kind);
        Assert.Equal(("chat", "openai", run, "real-model", 7L, 3L), ((string)span.GetTagItem("gen_ai.operation.name")!, (string)span.GetTagItem("gen_ai.provider.name")!,
            (string)span.GetTagItem("gen_ai.request.model")!, (string)span.GetTagItem("gen_ai.response.model")!,
            (long)span.GetTagItem("gen_ai.usage.input_tokens")!, (long)span.GetTagItem("gen_ai.usage.output_tokens")!));
        Assert.Equal([("gen_ai.client.token.usage", 7, "input"), ("gen_ai.client.token.usage", 3, "output")], measured.Where(m => m.Type is not null));
        Assert.True(Assert.Single(measured, m => m.Name == "gen_ai.client.operation.duration").Value > 0);
    }
}
