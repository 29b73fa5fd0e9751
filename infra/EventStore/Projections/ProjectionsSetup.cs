using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace AgentPlatform.EventStore;

/// <summary>Puts async projections into a host; the event store must be registered before.</summary>
public static class ProjectionsSetup
{
    /// <summary>Registers <see cref="ProjectionDaemon"/> and its tables.</summary>
    /// <param name="services">The host's services.</param>
    /// <param name="options">Bounds; defaults when null.</param>
    /// <param name="projections">All of the service.</param>
    public static IServiceCollection AddProjections(this IServiceCollection services, ProjectionOptions? options, params IReadOnlyCollection<Projection> projections)
    {
        options ??= new ProjectionOptions();
        options.Validate();
        services.AddSingleton(sp => new ProjectionDaemon(
            sp.GetRequiredService<PostgresEventStore>(), projections, options, sp.GetService<TimeProvider>() ?? TimeProvider.System, sp.GetRequiredService<ILogger<ProjectionDaemon>>()));
        services.AddHostedService(sp => new SchemaStep(sp.GetRequiredService<PostgresEventStore>()));
        services.AddHostedService(sp => sp.GetRequiredService<ProjectionDaemon>());
        return services;
    }

    private sealed class SchemaStep(PostgresEventStore store) : IHostedService
    {
        public Task StartAsync(CancellationToken cancellationToken) => Schema.Apply(store.Database, Schema.Projections, cancellationToken);

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
