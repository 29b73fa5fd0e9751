using AgentPlatform.Audit;
using AgentPlatform.Contracts;
using AgentPlatform.ServiceDefaults;

var builder = ServiceHost.CreateBuilder(args, ServiceNames.Audit);
builder.AddAudit();

var app = builder.BuildService();
app.MapAudit();
await app.RunAsync();
