using AgentPlatform.Contracts;
using AgentPlatform.EventStore;
using AgentPlatform.Orchestrator;
using AgentPlatform.Orchestrator.Attempts;
using AgentPlatform.Orchestrator.Http;
using AgentPlatform.Orchestrator.Runs;
using AgentPlatform.ServiceDefaults;

var builder = ServiceHost.CreateBuilder(args, ServiceNames.Orchestrator);
builder.AddStoreAndBus(EventTypes.Of(typeof(RunEvent), typeof(AttemptEvent)), Handlers.Register);
builder.Services.AddServiceClient(ServiceNames.ToolGateway, TimeSpan.FromSeconds(30));
builder.Services.AddServiceClient(ServiceNames.ModelFabric, TimeSpan.FromMinutes(10));
builder.Services.AddSingleton<ToolCatalogue>().AddSingleton<AskModel>();

var app = builder.BuildService();
app.MapRuns();
app.Run();
