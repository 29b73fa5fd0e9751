using AgentPlatform.ModelFabric;

var builder = WebApplication.CreateBuilder(args);
builder.Services.AddModelFabric(builder.Configuration);

var app = builder.Build();
app.MapModelFabric();
await app.RunAsync();

