using System.Text.Json;
using AgentPlatform.Provisioning.Files;
using AgentPlatform.Provisioning.Processes;

namespace AgentPlatform.AppHost.Launch;

/// <summary>Runs the Aspire dashboard. Its keys come from a file of mode 0600 rather than from its environment, which every process of the user can read.</summary>
internal sealed class LaunchDashboard(StackContext stack, string resourceServiceUrl, string resourceServiceKey) : ILauncher
{
    public const string Name = "dashboard";
    public const int Port = 7118;
    public const int TelemetryPort = 7117;
    public const string HealthPath = "/health";

    public LaunchDescription Describe() => LaunchDescription.Empty;

    public Task<Running> StartAsync(CancellationToken ct)
    {
        var home = stack.Data.Sub(Name);
        var settings = Path.Combine(home, "settings.json");
        PrivateFiles.Write(settings, JsonSerializer.SerializeToUtf8Bytes(Secrets()));
        var program = stack.Programs.Dashboard!.Executable;
        var child = ChildProcess.Start(new ChildProcessStart(program, "dashboard")
        {
            WorkingDirectory = Path.GetDirectoryName(program),
            InheritEnvironment = false,
            Environment = Environment(home, settings),
            OnLine = stack.Logs.For(Name).Write,
        });
        return Task.FromResult(new Running(child.Id, child.Exited, async () => await child.DisposeAsync()));
    }

    private object Secrets() => new
    {
        Dashboard = new
        {
            Frontend = new { AuthMode = "BrowserToken", BrowserToken = stack.Credentials.DashboardLoginToken },
            Otlp = new { AuthMode = "ApiKey", PrimaryApiKey = stack.Credentials.TelemetryKey },
            Api = new { AuthMode = "ApiKey", PrimaryApiKey = stack.Credentials.DashboardApiKey },
            ResourceServiceClient = new { AuthMode = "ApiKey", ApiKey = resourceServiceKey },
        },
    };

    private Dictionary<string, string?> Environment(string home, string settings) => new(StringComparer.Ordinal)
    {
        ["ASPNETCORE_URLS"] = stack.DashboardUrl,
        ["ASPIRE_DASHBOARD_OTLP_ENDPOINT_URL"] = stack.TelemetryUrl,
        ["ASPIRE_RESOURCE_SERVICE_ENDPOINT_URL"] = resourceServiceUrl,
        ["ASPIRE_DASHBOARD_CONFIG_FILE_PATH"] = settings,
        ["DASHBOARD__DEBUGSESSION__TELEMETRYOPTOUT"] = "true",
        ["ASPIRE_CLI_PID"] = $"{System.Environment.ProcessId}",
        ["HOME"] = home,
        ["DOTNET_gcServer"] = "0",
        ["DOTNET_EnableDiagnostics"] = "0",

        // Below a warning it logs its own login address, token included; and one warning it always has, that its cookie key is a plain file.
        ["Logging__LogLevel__Default"] = "Warning",
        ["Logging__LogLevel__Aspire.Dashboard.DashboardWebApplication"] = "Warning",
        ["Logging__LogLevel__Microsoft.AspNetCore.DataProtection"] = "Error",
    };
}
