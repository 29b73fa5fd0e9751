using System.Diagnostics.CodeAnalysis;

namespace AgentPlatform.AppHost.Model;

/// <summary>What can be said about a resource.</summary>
[SuppressMessage("Design", "CA1062", Justification = "A chain of builder calls: the receiver is the result of the call before.")]
public static class With
{
    /// <summary>It is given the other's address. This alone does not make it wait.</summary>
    public static IResourceBuilder<T> WithReference<T>(this IResourceBuilder<T> builder, IResourceBuilder<Resource> other)
        where T : Resource
    {
        builder.Resource.References.Add(other.Resource);
        return builder;
    }

    /// <summary>It starts when the other is ready, and stops before it.</summary>
    public static IResourceBuilder<T> WaitFor<T>(this IResourceBuilder<T> builder, IResourceBuilder<Resource> other)
        where T : Resource
    {
        builder.Resource.WaitsFor.Add(other.Resource);
        return builder;
    }

    public static IResourceBuilder<T> WithHttpEndpoint<T>(this IResourceBuilder<T> builder, int port, string name = "http")
        where T : Resource
    {
        builder.Resource.Endpoints.Add(new Endpoint(name, "http", port));
        return builder;
    }

    public static IResourceBuilder<T> WithEnvironment<T>(this IResourceBuilder<T> builder, string name, string? value)
        where T : Resource
    {
        builder.Resource.Environment[name] = value;
        return builder;
    }

    /// <summary>It is ready when this path answers 2xx; afterwards the dashboard shows what it answers.</summary>
    public static IResourceBuilder<T> WithHttpHealthCheck<T>(this IResourceBuilder<T> builder, string path)
        where T : Resource
    {
        builder.Resource.HealthPath = path;
        return builder;
    }

    public static IResourceBuilder<T> WithCommand<T>(
        this IResourceBuilder<T> builder, string name, string displayName, Func<CancellationToken, Task<string>> executeCommand, string? confirmation = null, string? iconName = null)
        where T : Resource
    {
        builder.Resource.Commands.Add(new ResourceCommand(name, displayName, executeCommand, confirmation, iconName));
        return builder;
    }
}
