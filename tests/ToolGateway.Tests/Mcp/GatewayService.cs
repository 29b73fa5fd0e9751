using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using AgentPlatform.Contracts;
using AgentPlatform.ServiceDefaults;
using AgentPlatform.Testing;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace AgentPlatform.ToolGateway.Tests.Mcp;

/// <summary>The service as it runs in production, over HTTP.</summary>
internal sealed class GatewayService : IAsyncDisposable
{
    private static readonly string[] Roles = ["owner", "agent", "viewer"];
    private readonly WebApplication _app;
    private readonly TestFolder _folder;

    private GatewayService(WebApplication app, TestFolder folder) => (_app, _folder) = (app, folder);

    public Uri Url => new(_app.Urls.First());

    public IServiceProvider Services => _app.Services;

    /// <param name="servers">Where it keeps things.</param>
    /// <param name="anonymousIs">The role of requests that bring no token: for programs that cannot be given one.</param>
    public static async Task<GatewayService> Start(Servers servers, string? anonymousIs = null)
    {
        var folder = new TestFolder();
        await File.WriteAllTextAsync(folder.Of("principals.json"), JsonSerializer.Serialize(
            Roles.Select(role => new { name = $"the-{role}", role, tokenSha256 = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(Token(role)))) })));
        await File.WriteAllBytesAsync(folder.Of("master.key"), new byte[32]);
        File.SetUnixFileMode(folder.Of("master.key"), UnixFileMode.UserRead | UnixFileMode.UserWrite);
        var builder = ServiceHost.CreateBuilder(["--urls=http://127.0.0.1:0"], ServiceNames.ToolGateway);
        builder.Logging.ClearProviders();
        builder.Configuration.AddInMemoryCollection(new Dictionary<string, string?>
        {
            ["AGENTPLATFORM_PRINCIPALS"] = folder.Of("principals.json"),
            ["AGENTPLATFORM_DATA"] = folder.Path,
            ["AGENTPLATFORM_MASTER_KEY_FILE"] = folder.Of("master.key"),
            ["ConnectionStrings:toolgatewaydb"] = await servers.NewDatabase(),
            ["ConnectionStrings:nats"] = servers.Nats.Url,
        });
        builder.AddToolGateway();
        if (anonymousIs is not null)
        {
            builder.Services.AddSingleton<IStartupFilter>(new Named(Token(anonymousIs)));
        }

        var app = builder.BuildService();
        app.MapToolGateway();
        await app.StartAsync();
        return new GatewayService(app, folder);
    }

    public static string Token(string role) => $"token-of-{role}";

    public HttpClient As(string role) => new() { BaseAddress = Url, DefaultRequestHeaders = { Authorization = new("Bearer", Token(role)) } };

    public IToolGatewayApi Api(string role) => RestClients.For<IToolGatewayApi>(As(role));

    public async ValueTask DisposeAsync()
    {
        await _app.StopAsync();
        await _app.DisposeAsync();
        _folder.Dispose();
    }

    private sealed class Named(string token) : IStartupFilter
    {
        public Action<IApplicationBuilder> Configure(Action<IApplicationBuilder> next) => app =>
        {
            app.Use((http, rest) =>
            {
                if (http.Request.Headers.Authorization.Count == 0)
                {
                    http.Request.Headers.Authorization = $"Bearer {token}";
                }

                return rest(http);
            });
            next(app);
        };
    }
}
