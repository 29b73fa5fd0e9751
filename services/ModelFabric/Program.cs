using AgentPlatform.Contracts;
using AgentPlatform.ModelFabric;
using AgentPlatform.ServiceDefaults;

var builder = ServiceHost.CreateBuilder(args, ServiceNames.ModelFabric);
builder.AddModelFabricStore();
builder.Services.AddModelFabric(builder.Configuration);

var app = builder.BuildService();
app.MapModelFabric();
await app.RunAsync();
