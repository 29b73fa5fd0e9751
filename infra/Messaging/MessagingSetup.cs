using AgentPlatform.EventStore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Logging;

namespace AgentPlatform.Messaging;

/// <summary>Puts messaging into a host; the event store must be registered before.</summary>
public static class MessagingSetup
{
    /// <summary>Idempotent DDL of outbox, inbox and dead letters; pass it to <c>AddEventStore</c>.</summary>
    public static string Schema { get; } = Resource();

    /// <summary>Registers the connection, the outbox and fact relays, and the handlers.</summary>
    /// <param name="services">The host's services.</param>
    /// <param name="service">The service's name.</param>
    /// <param name="options">Bounds.</param>
    /// <param name="handlers">Fills the catalogue; gets the provider for handlers that reach out of the process.</param>
    public static IServiceCollection AddMessaging(this IServiceCollection services, string service, MessagingOptions options, Action<Bus, IServiceProvider> handlers)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(handlers);
        options.Validate();
        services.AddSingleton(options);
        services.AddSingleton<OutboxSignal>();
        services.AddSingleton(sp => new NatsLink(service, options, sp.GetRequiredService<ILogger<NatsLink>>()));
        services.AddSingleton<JetStream>();
        services.AddSingleton(sp => new Outgoing(service, sp.GetRequiredService<OutboxSignal>(), Clock(sp)));
        services.AddSingleton<DecisionWriter>();
        services.AddSingleton(sp => new DeadLetters(sp.GetRequiredService<PostgresEventStore>(), sp.GetRequiredService<OutboxSignal>(), options, Clock(sp), sp.GetRequiredService<ILogger<DeadLetters>>()));
        services.AddSingleton(sp =>
        {
            var bus = new Bus(service);
            handlers(bus, sp);
            return bus;
        });
        services.TryAddSingleton<FaultPoints>();
        services.AddHostedService(sp => ActivatorUtilities.CreateInstance<OutboxRelay>(sp, service, Clock(sp)));
        services.AddHostedService(sp => ActivatorUtilities.CreateInstance<FactRelay>(sp, service, Clock(sp)));
        services.AddHostedService(sp => ActivatorUtilities.CreateInstance<HandlerHost>(sp, Clock(sp)));
        services.AddHostedService(sp => ActivatorUtilities.CreateInstance<Reconciler>(sp, Clock(sp)));
        services.AddHostedService(sp => ActivatorUtilities.CreateInstance<DepthSampler>(sp, Clock(sp)));
        return services;
    }

    private static TimeProvider Clock(IServiceProvider services) => services.GetService<TimeProvider>() ?? TimeProvider.System;

    private static string Resource()
    {
        using var stream = typeof(MessagingSetup).Assembly.GetManifestResourceStream("AgentPlatform.Messaging.Messaging.sql") ?? throw new InvalidOperationException("Messaging.sql is missing from the build");
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    }
}
