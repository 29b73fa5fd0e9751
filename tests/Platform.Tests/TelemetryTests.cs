using System.Text.Json;
using AgentPlatform.Contracts;
using AgentPlatform.Platform.Tests.Stack;

namespace AgentPlatform.Platform.Tests;

/// <summary>The trace of one run crosses all services that took part in it.</summary>
[Collection(nameof(TwoSamples))]
public sealed class TelemetryTests(PlatformStack stack, TwoSamples samples)
{
    private sealed record Span(string Service, string Attributes);

    [Fact]
    public async Task The_dashboard_holds_the_runs_trace_with_services_database_and_messaging()
    {
        Assert.SkipWhen(stack.Endpoint("dashboard") is null, "the dashboard is not on this machine and could not be fetched");
        using var dashboard = new HttpClient { BaseAddress = new Uri(stack.Endpoint("dashboard")!) };
        dashboard.DefaultRequestHeaders.Add("x-api-key", (await File.ReadAllTextAsync(Path.Combine(stack.Data, "credentials/dashboard-api.key"))).Trim());
        string[] services = [ServiceNames.Orchestrator, ServiceNames.ToolGateway, ServiceNames.ModelFabric];
        var spans = await stack.Until(
            () => Spans(dashboard, samples.First.TraceId!),
            seen => services.All(service => seen.Any(span => span.Service == service)) && seen.Any(span => span.Attributes.Contains("execute_tool", StringComparison.Ordinal)),
            $"the trace {samples.First.TraceId} has spans of {string.Join(", ", services)}");

        Assert.All(services, service => Assert.Contains(spans, span => span.Service == service && span.Attributes.Contains("postgresql", StringComparison.Ordinal)));
        Assert.All(services[..2], service => Assert.Contains(spans, span => span.Service == service && span.Attributes.Contains("\"messaging.system\"", StringComparison.Ordinal)));
        Assert.DoesNotContain(spans, span => span.Attributes.Contains(stack.OwnerToken, StringComparison.Ordinal));
    }

    private static async Task<List<Span>> Spans(HttpClient dashboard, string trace)
    {
        using var document = JsonDocument.Parse(await dashboard.GetStringAsync($"api/telemetry/traces/{trace}"));
        return
        [
            .. from resource in document.RootElement.GetProperty("data").GetProperty("resourceSpans").EnumerateArray()
               let service = resource.GetProperty("resource").GetProperty("attributes").EnumerateArray().First(a => a.GetProperty("key").GetString() == "service.name")
               from scope in resource.GetProperty("scopeSpans").EnumerateArray()
               from span in scope.GetProperty("spans").EnumerateArray()
               select new Span(service.GetProperty("value").GetProperty("stringValue").GetString()!, span.GetRawText()),
        ];
    }
}
