using AgentPlatform.ServiceDefaults.Vault;
using AgentPlatform.ToolGateway.Mcp.Authorization;
using AgentPlatform.ToolGateway.Mcp.Callers;
using AgentPlatform.ToolGateway.Mcp.Serving;
using AgentPlatform.ToolGateway.Sandbox;
using AgentPlatform.ToolGateway.Secrets;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace AgentPlatform.ToolGateway.Mcp;

internal static class McpSetup
{
    /// <summary>MCP servers as tools, and the secrets they are given.</summary>
    public static IServiceCollection AddMcp(this IServiceCollection services, McpOptions options, MasterKey? master, ServingOptions? serving = null) => services
        .AddSingleton(options).AddSingleton(serving ?? new ServingOptions()).AddSingleton(new RequestStates(master)).AddSingleton<McpHttpSessions>().AddSingleton<McpHttp>()
        .AddSingleton<ServeMcp>().AddSingleton<ServeCall>().AddSingleton<ServeOneServer>().AddSingleton(new KeyVault(master, SecretBook.Purpose)).AddSingleton<SecretBook>().AddSingleton<McpServerBook>().AddSingleton<McpLogins>().AddSingleton<McpTools>().AddConfinement();

    /// <summary>The options of the section <c>ToolGateway:Mcp:Serving</c>.</summary>
    public static ServingOptions Serving(IConfiguration configuration)
    {
        var options = new ServingOptions();
        configuration.GetSection("ToolGateway:Mcp:Serving").Bind(options);
        return options;
    }

    /// <summary>One for all that is started here.</summary>
    public static IServiceCollection AddConfinement(this IServiceCollection services)
    {
        services.TryAddSingleton(provider => new Confinement(provider.GetRequiredService<TimeProvider>()));
        return services;
    }

    /// <summary>The options of the section <c>ToolGateway:Mcp</c>; servers live below <c>mcp</c> in the data folder, or beside the workspaces.</summary>
    public static McpOptions Options(IConfiguration configuration)
    {
        var data = Path.GetFullPath(configuration["AGENTPLATFORM_DATA"] ?? throw new InvalidOperationException("AGENTPLATFORM_DATA names no data folder; start the service through the AppHost, or set it"));

        // Servers may run as users who cannot pass the data folder, like tools: then both are where the AppHost has put the workspaces.
        var workspaces = Directory.ResolveLinkTarget(Path.Combine(data, "workspaces"), returnFinalTarget: true)?.FullName;
        var options = new McpOptions { Folder = Path.Combine(workspaces is null ? data : Path.GetDirectoryName(workspaces)!, "mcp"), Closed = [data] };
        configuration.GetSection("ToolGateway:Mcp").Bind(options);
        return options;
    }
}
