using AgentPlatform.Contracts;
using AgentPlatform.ServiceDefaults;
using AgentPlatform.Sessions;

var builder = ServiceHost.CreateBuilder(args, ServiceNames.Sessions);
builder.AddSessions();

var app = builder.BuildService();
app.MapSessions();
await app.RunAsync();
