using AgentPlatform.AppHost.Model;

namespace AgentPlatform.AppHost.Launch;

/// <summary>The variables a service is started with: where it listens, what it may reach, which files hold its secrets, where telemetry goes.</summary>
internal static class ServiceEnvironment
{
    private const string TelemetryDelayMilliseconds = "1000";

    /// <summary>What an instance is called; a project's carries the id its telemetry carries too, which links the two in the dashboard.</summary>
    public static string InstanceName(StackContext stack, Resource resource, int replica) => resource is ProjectResource || stack.ReplicasOf(resource) > 1 ? $"{resource.Name}-{InstanceId(replica)}" : resource.Name;

    /// <summary>What its log is called: as the resource, unless there are several.</summary>
    public static string LogName(StackContext stack, Resource resource, int replica) =>
        stack.ReplicasOf(resource) == 1 ? resource.Name : InstanceName(stack, resource, replica);

    private static string InstanceId(int replica) => $"r{replica}";

    public static Variable[] For(StackContext stack, ProjectResource resource, int replica)
    {
        List<Variable> all =
        [
            Plain("ASPNETCORE_URLS", string.Join(';', resource.Endpoints.Select(endpoint => stack.UrlOf(resource, endpoint, replica)))),
            .. resource.References.SelectMany(other => other.GivesTo(stack)).Select(given => Plain(given.Key, given.Value)),
            Plain("AGENTPLATFORM_DATA", stack.Data.Path),
            Plain("AGENTPLATFORM_PRINCIPALS", stack.Credentials.PrincipalsFile),
            Plain("AGENTPLATFORM_SERVICE_TOKEN_FILE", stack.Credentials.ServiceTokenFile(resource.Name)),
            Plain("AGENTPLATFORM_MASTER_KEY_FILE", stack.Credentials.MasterKeyFile),
            Plain("AGENTPLATFORM_PARENT_PID", $"{Environment.ProcessId}"),
            .. Programs(stack),
            .. Telemetry(stack, resource, replica),

            // Several services share a machine: a heap per core is memory for nothing at this size. One line per log entry, so that a line has a level.
            Plain("DOTNET_gcServer", "0"),
            Plain("Logging__Console__FormatterName", "simple"),
            Plain("Logging__Console__FormatterOptions__SingleLine", "true"),
            Plain("Logging__LogLevel__Microsoft.AspNetCore", "Warning"),   // Else our health checks are most of every log.
            .. resource.Environment.Select(own => Plain(own.Key, own.Value)),
        ];
        return [.. all.GroupBy(variable => variable.Name, StringComparer.Ordinal).Select(same => same.Last())];
    }

    private static IEnumerable<Variable> Programs(StackContext stack)
    {
        if (stack.Programs.PdfToText is { } pdf)
        {
            yield return Plain("AGENTPLATFORM_PDFTOTEXT", pdf.Executable);
            if (pdf.Libraries is { Length: > 0 } libraries)
            {
                yield return Plain("AGENTPLATFORM_PDFTOTEXT_LIBRARIES", libraries);
            }
        }
    }

    private static Variable[] Telemetry(StackContext stack, ProjectResource resource, int replica) => stack.HasDashboard
        ?
        [
            Plain("OTEL_SERVICE_NAME", resource.Name),
            Plain("OTEL_RESOURCE_ATTRIBUTES", $"service.instance.id={InstanceId(replica)}"),
            Plain("OTEL_EXPORTER_OTLP_ENDPOINT", stack.TelemetryUrl),
            Plain("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
            new("OTEL_EXPORTER_OTLP_HEADERS", $"x-otlp-api-key={stack.Credentials.TelemetryKey}", IsSecret: true),
            Plain("OTEL_BSP_SCHEDULE_DELAY", TelemetryDelayMilliseconds),
            Plain("OTEL_BLRP_SCHEDULE_DELAY", TelemetryDelayMilliseconds),
            Plain("OTEL_METRIC_EXPORT_INTERVAL", TelemetryDelayMilliseconds),
            Plain("OTEL_METRICS_EXEMPLAR_FILTER", "trace_based"),
            Plain("OTEL_TRACES_SAMPLER", "parentbased_always_on"),
        ]
        : [Plain("OTEL_SERVICE_NAME", resource.Name), Plain("OTEL_EXPORTER_OTLP_ENDPOINT", null)];   // None inherited from our own environment either.

    private static Variable Plain(string name, string? value) => new(name, value, IsSecret: false);
}
