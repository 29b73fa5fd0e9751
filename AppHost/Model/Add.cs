using System.Diagnostics.CodeAnalysis;

namespace AgentPlatform.AppHost.Model;

/// <summary>What can be part of a topology.</summary>
[SuppressMessage("Design", "CA1062", Justification = "A chain of builder calls: the receiver is the result of the call before.")]
public static class Add
{
    public static IResourceBuilder<PostgresResource> AddPostgres(this DistributedApplicationBuilder builder, string name, int port)
    {
        var server = new PostgresResource(name);
        server.Endpoints.Add(new Endpoint("tcp", "tcp", port));
        return builder.AddResource(server);
    }

    public static IResourceBuilder<DatabaseResource> AddDatabase(this IResourceBuilder<PostgresResource> server, string name)
    {
        var database = new DatabaseResource(name, server.Resource) { Parent = server.Resource };
        database.WaitsFor.Add(server.Resource);
        server.Resource.Databases.Add(database);
        return server.ApplicationBuilder.AddResource(database);
    }

    public static IResourceBuilder<NatsResource> AddNats(this DistributedApplicationBuilder builder, string name, int port)
    {
        var server = new NatsResource(name);
        server.Endpoints.Add(new Endpoint("nats", "nats", port));
        return builder.AddResource(server);
    }

    public static IResourceBuilder<ProjectResource> AddProject<TProject>(this DistributedApplicationBuilder builder, string name)
        where TProject : IProjectMetadata, new()
    {
        var project = new TProject();
        return builder.AddResource(new ProjectResource(name, project.ProjectPath, BuiltProject.Find(project)));
    }

    /// <summary>A program that is not a project of this tree.</summary>
    public static IResourceBuilder<ProjectResource> AddProject(this DistributedApplicationBuilder builder, string name, string assembly, params IReadOnlyList<string> arguments) =>
        builder.AddResource(new ProjectResource(name, assembly, assembly, arguments));
}
