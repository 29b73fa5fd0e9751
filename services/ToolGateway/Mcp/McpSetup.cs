using AgentPlatform.ServiceDefaults.Vault;
using AgentPlatform.ToolGateway.Mcp.Callers;
using AgentPlatform.ToolGateway.Mcp.Serving;
using AgentPlatform.ToolGateway.Secrets;

namespace AgentPlatform.ToolGateway.Mcp;

internal static class McpSetup
{
    /// <summary>MCP servers as tools, and the secrets they are given.</summary>
    public static IServiceCollection AddMcp(this IServiceCollection services, McpOptions options, MasterKey? master, ServingOptions? serving = null) => services
        .AddSingleton(options).AddSingleton(serving ?? new ServingOptions()).AddSingleton(new RequestStates(master)).AddSingleton<McpHttpSessions>().AddSingleton<McpHttp>()
        .AddSingleton<ServeMcp>().AddSingleton<ServeCall>().AddSingleton<ServeOneServer>().AddSingleton(new KeyVault(master, SecretBook.Purpose)).AddSingleton<SecretBook>().AddSingleton<McpServerBook>().AddSingleton<McpTools>();

    /// <summary>The options of the section <c>ToolGateway:Mcp:Serving</c>.</summary>
    public static ServingOptions Serving(IConfiguration configuration)
    {
        var options = new ServingOptions();
        configuration.GetSection("ToolGateway:Mcp:Serving").Bind(options);
        return options;
    }

    /// <summary>The options of the section <c>ToolGateway:Mcp</c>; servers live below <c>mcp</c> in the data folder.</summary>
    public static McpOptions Options(IConfiguration configuration)
    {
        var folder = Path.GetFullPath(Path.Combine(configuration["AGENTPLATFORM_DATA"] ?? throw new InvalidOperationException("AGENTPLATFORM_DATA names no data folder; start the service through the AppHost, or set it"), "mcp"));
        var options = new McpOptions { Folder = folder };
        configuration.GetSection("ToolGateway:Mcp").Bind(options);
        return options;
    }
}
