using AgentPlatform.AppHost.Commands;
using AgentPlatform.AppHost.Stack;

namespace AgentPlatform.AppHost.Model;

/// <summary>Collects the topology. The verbs and their arguments are those of .NET Aspire, so that a later move to the genuine package is mechanical.</summary>
public sealed class DistributedApplicationBuilder(string[] args)
{
    private readonly List<Resource> resources = [];

    public IReadOnlyList<Resource> Resources => resources;

    public IResourceBuilder<T> AddResource<T>(T resource)
        where T : Resource
    {
        ArgumentNullException.ThrowIfNull(resource);
        if (resources.Exists(other => other.Name == resource.Name))
        {
            throw new InvalidOperationException($"Two resources are called {resource.Name}; names are addresses here, choose another.");
        }

        resources.Add(resource);
        return new ResourceBuilder<T>(this, resource);
    }

    public DistributedApplication Build() => new(resources, CommandLine.Parse(args));
}

/// <summary>A resource being described.</summary>
public interface IResourceBuilder<out T>
    where T : Resource
{
    DistributedApplicationBuilder ApplicationBuilder { get; }

    T Resource { get; }
}

internal sealed class ResourceBuilder<T>(DistributedApplicationBuilder builder, T resource) : IResourceBuilder<T>
    where T : Resource
{
    public DistributedApplicationBuilder ApplicationBuilder => builder;

    public T Resource => resource;
}
