using AgentPlatform.ServiceDefaults.Vault;
using AgentPlatform.ToolGateway.Secrets;

namespace AgentPlatform.ToolGateway.Mcp;

internal static class McpSetup
{
    /// <summary>MCP servers as tools, and the secrets they are given.</summary>
    public static IServiceCollection AddMcp(this IServiceCollection services, McpOptions options, MasterKey? master) => services
        .AddSingleton(options).AddSingleton(new KeyVault(master, SecretBook.Purpose)).AddSingleton<SecretBook>().AddSingleton<McpServerBook>().AddSingleton<McpTools>();

    /// <summary>The options of the section <c>ToolGateway:Mcp</c>; servers live below <c>mcp</c> in the data folder.</summary>
    public static McpOptions Options(IConfiguration configuration)
    {
        var folder = Path.GetFullPath(Path.Combine(configuration["AGENTPLATFORM_DATA"] ?? throw new InvalidOperationException("AGENTPLATFORM_DATA names no data folder; start the service through the AppHost, or set it"), "mcp"));
        var options = new McpOptions { Folder = folder };
        configuration.GetSection("ToolGateway:Mcp").Bind(options);
        return options;
    }
}
