using AgentPlatform.Contracts;
using AgentPlatform.ServiceDefaults;
using AgentPlatform.ToolGateway;

var builder = ServiceHost.CreateBuilder(args, ServiceNames.ToolGateway);
builder.AddToolGateway();
var app = builder.BuildService();
app.MapToolGateway();
app.Run();
