using System.Net;
using System.Security.Cryptography;
using System.Text;
using AgentPlatform.AppHost.Logs;
using AgentPlatform.AppHost.Supervision;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace AgentPlatform.AppHost.Dashboard;

/// <summary>Serves the resource contract on a loopback port of its own, to whoever knows the key.</summary>
internal sealed class ResourceServer : IAsyncDisposable
{
    private const string Path = "/aspire.v1.DashboardService/";
    private const string KeyHeader = "x-resource-service-api-key";

    private readonly WebApplication app;

    private ResourceServer(WebApplication app) => this.app = app;

    public string Url => app.Urls.Single();

    public static async Task<ResourceServer> Start(string applicationName, string key, StateBoard board, LogBook logs, RunCommand commands)
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions { ApplicationName = typeof(ResourceServer).Assembly.GetName().Name });
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0, listen => listen.Protocols = HttpProtocols.Http2));
        var server = builder.Build();
        var service = new ResourceService(applicationName, board, logs, commands);
        Dictionary<string, Func<GrpcCall, Task>> methods = new(StringComparer.Ordinal)
        {
            ["GetApplicationInformation"] = service.GetApplicationInformation,
            ["WatchResources"] = service.WatchResources,
            ["WatchResourceConsoleLogs"] = service.WatchConsoleLogs,
            ["ExecuteResourceCommand"] = service.ExecuteResourceCommand,
            ["WatchInteractions"] = ResourceService.WatchInteractions,
        };
        var expected = Encoding.UTF8.GetBytes(key);
        server.Run(http => Serve(http, methods, expected));
        await server.StartAsync();
        return new ResourceServer(server);
    }

    public async ValueTask DisposeAsync()
    {
        // The dashboard keeps its streams open; waiting for them would wait for ever.
        using var now = new CancellationTokenSource();
        await now.CancelAsync();
        await app.StopAsync(now.Token);
        await app.DisposeAsync();
    }

    private static Task Serve(HttpContext http, Dictionary<string, Func<GrpcCall, Task>> methods, byte[] key)
    {
        if (!CryptographicOperations.FixedTimeEquals(Encoding.UTF8.GetBytes(http.Request.Headers[KeyHeader].ToString()), key))
        {
            GrpcCall.Refuse(http, GrpcStatus.Unauthenticated, $"the header {KeyHeader} is missing or wrong");
            return Task.CompletedTask;
        }

        var path = http.Request.Path.Value ?? "";
        if (!path.StartsWith(Path, StringComparison.Ordinal) || !methods.TryGetValue(path[Path.Length..], out var method))
        {
            GrpcCall.Refuse(http, GrpcStatus.Unimplemented, $"{path} is not served here");
            return Task.CompletedTask;
        }

        return GrpcCall.Handle(http, method);
    }
}
