using System.Diagnostics;
using AgentPlatform.Contracts;
using AgentPlatform.DoomedGateway;
using AgentPlatform.EventStore;
using AgentPlatform.Messaging;
using AgentPlatform.ServiceDefaults.Vault;
using AgentPlatform.ToolGateway;
using AgentPlatform.ToolGateway.Grants;
using AgentPlatform.ToolGateway.Invocations;
using AgentPlatform.ToolGateway.Mcp;
using AgentPlatform.ToolGateway.Policy;
using AgentPlatform.ToolGateway.Registry;
using AgentPlatform.ToolGateway.Secrets;
using AgentPlatform.ToolGateway.Workspaces;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

// The gateway's handlers, which kill their own process with SIGKILL when they come to a point of their work for the n-th time.
// DATABASE NATS FOLDER POINT COUNT; with the point "Never" it lives on.
if (args is not [var database, var nats, var folder, var fatal, var count])
{
    Console.Error.WriteLine("Usage: DATABASE NATS FOLDER POINT COUNT");
    return 2;
}

var left = int.Parse(count, System.Globalization.CultureInfo.InvariantCulture);
var builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings());
builder.Logging.SetMinimumLevel(LogLevel.Warning).AddConsole();
builder.Services.AddSingleton(TimeProvider.System);
builder.Services.AddEventStore(
    database, EventTypes.Of(typeof(InvocationEvent), typeof(PolicyEvent), typeof(TaintEvent), typeof(GrantEvent), typeof(McpServerEvent), typeof(SecretEvent)), ContractJson.Options,
    new EventStoreOptions { HoleGrace = TimeSpan.Zero }, MessagingSetup.Schema, SecretBook.Schema, CallsAtWork.Schema);
builder.Services.AddHostedService<SetPolicy>();
builder.Services.AddMessaging(ServiceNames.ToolGateway, new MessagingOptions { Url = nats, AckWait = TimeSpan.FromSeconds(2), RequestTimeout = TimeSpan.FromSeconds(1), GapGrace = TimeSpan.FromSeconds(2), FactsGrace = TimeSpan.FromSeconds(1) }, Handlers.Register);
builder.Services
    .AddSingleton(new FaultPoints { Reached = point => Reach(point.ToString()) })
    .AddSingleton(new WorkspaceFolders(Path.Combine(folder, "workspaces"), new WorkspaceOptions()))
    .AddSingleton(new ToolRegistry([new EffectTool(Path.Combine(folder, "effects"), Reach)]))
    .AddMcp(new McpOptions { Folder = Path.Combine(folder, "mcp") }, new MasterKey(new byte[32]))
    .AddInvocations(new InvocationOptions { RecoverEvery = TimeSpan.FromMilliseconds(250) });
using var host = builder.Build();
await host.StartAsync();
await host.WaitForShutdownAsync();
return 0;

Task Reach(string point)
{
    if (point == fatal && Interlocked.Decrement(ref left) == 0)
    {
        Process.GetCurrentProcess().Kill();
    }

    return Task.CompletedTask;
}
