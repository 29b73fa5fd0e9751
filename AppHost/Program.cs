using AgentPlatform.AppHost.Model;
using AgentPlatform.AppHost.Stack;

var builder = DistributedApplication.CreateBuilder(args);

var postgres = builder.AddPostgres("postgres", port: 7132);
var nats = builder.AddNats("nats", port: 7122);

IResourceBuilder<ProjectResource>[] services =
[
    Service<Projects.Orchestrator>("orchestrator", port: 7101),
    Service<Projects.ToolGateway>("toolgateway", port: 7102),
    Service<Projects.ModelFabric>("modelfabric", port: 7103),
    Service<Projects.Sessions>("sessions", port: 7104),
    Service<Projects.Audit>("audit", port: 7105),
];

// Each is told where the others are. None waits for another, so they start side by side and any of them may be restarted alone.
foreach (var service in services)
{
    foreach (var other in services.Where(other => other != service))
    {
        service.WithReference(other);
    }
}

return await builder.Build().RunAsync();

IResourceBuilder<ProjectResource> Service<TProject>(string name, int port)
    where TProject : IProjectMetadata, new()
{
    var database = postgres.AddDatabase(name + "db");
    return builder.AddProject<TProject>(name)
        .WithHttpEndpoint(port: port)
        .WithHttpHealthCheck("/health")
        .WithReference(database).WaitFor(database)
        .WithReference(nats).WaitFor(nats);
}
