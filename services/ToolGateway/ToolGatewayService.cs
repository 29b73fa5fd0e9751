using AgentPlatform.Contracts;
using AgentPlatform.EventStore;
using AgentPlatform.ServiceDefaults;
using AgentPlatform.ServiceDefaults.Vault;
using AgentPlatform.ToolGateway.Grants;
using AgentPlatform.ToolGateway.Http;
using AgentPlatform.ToolGateway.Invocations;
using AgentPlatform.ToolGateway.Mcp;
using AgentPlatform.ToolGateway.Policy;
using AgentPlatform.ToolGateway.Registry;
using AgentPlatform.ToolGateway.Sandbox;
using AgentPlatform.ToolGateway.Secrets;
using AgentPlatform.ToolGateway.Toolkits;
using AgentPlatform.ToolGateway.Usage;
using AgentPlatform.ToolGateway.Workspaces;

namespace AgentPlatform.ToolGateway;

/// <summary>The service: what it is made of and where it answers.</summary>
internal static class ToolGatewayService
{
    public static void AddToolGateway(this WebApplicationBuilder builder)
    {
        builder.AddStoreAndBus(
            EventTypes.Of(typeof(InvocationEvent), typeof(PolicyEvent), typeof(TaintEvent), typeof(GrantEvent), typeof(McpServerEvent), typeof(SecretEvent)), Handlers.Register, SecretBook.Schema, CallsAtWork.Schema);
        builder.AddProjections(new ToolUsageProjection());
        builder.Services
            .AddSingleton(WorkspaceFolders.From(builder.Configuration))
            .AddSingleton(services => new ToolRegistry(BuiltInTools.All(services.GetRequiredService<Confinement>())))
            .AddMcp(McpSetup.Options(builder.Configuration), MasterKey.From(builder.Configuration), McpSetup.Serving(builder.Configuration))
            .AddInvocations(InvocationOptions.From(builder.Configuration))
            .AddSingleton<OfferedTools>();
    }

    public static void MapToolGateway(this WebApplication app)
    {
        // Built before the first request: a name clash or a broken schema stops the start, and nobody waits for the schemas later.
        app.Services.GetRequiredService<ToolRegistry>();
        app.MapTools();
        app.MapPolicy();
        app.MapGrants();
        app.MapMcpServers();
        app.MapMcpLogins();
        app.MapMcp();
        app.MapWorkspaces();
    }
}
