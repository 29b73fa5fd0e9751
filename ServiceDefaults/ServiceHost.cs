using AgentPlatform.Contracts;
using AgentPlatform.EventStore;
using AgentPlatform.Messaging;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace AgentPlatform.ServiceDefaults;

/// <summary>What every service switches on; its <c>Program.cs</c> is defaults, store, bus, routes.</summary>
public static class ServiceHost
{
    /// <summary>A builder with telemetry, health, JSON, access control, problem details and the watch over the parent process.</summary>
    /// <param name="args">Command line of the process.</param>
    /// <param name="service">One of <see cref="ServiceNames"/>.</param>
    public static WebApplicationBuilder CreateBuilder(string[] args, string service)
    {
        var builder = WebApplication.CreateBuilder(args);
        builder.Services.AddSingleton(new ServiceIdentity(service));
        builder.Services.AddSingleton(TimeProvider.System);
        builder.Logging.AddSimpleConsole(console => (console.SingleLine, console.IncludeScopes) = (true, false));

        // One line per SQL statement and HTTP request drowns what an operator looks for; the traces have them. Configuration can turn them on again.
        builder.Logging.AddFilter("Npgsql", LogLevel.Warning).AddFilter("Microsoft.AspNetCore", LogLevel.Warning).AddFilter("System.Net.Http", LogLevel.Warning);
        builder.AddTelemetry(service);
        builder.AddAccess();
        builder.AddProblems();
        builder.Services.AddHealthChecks();
        builder.Services.AddOpenApi();
        builder.Services.ConfigureHttpJsonOptions(json => ContractJson.Apply(json.SerializerOptions));
        builder.Services.AddHostedService<ParentWatch>();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.AddServerHeader = false);
        return builder;
    }

    /// <summary>Registers the event store over <c>ConnectionStrings:&lt;service&gt;db</c> and messaging over <c>ConnectionStrings:nats</c>.</summary>
    /// <param name="builder">The service.</param>
    /// <param name="types">The events it knows.</param>
    /// <param name="handlers">The messages it handles; gets the provider for handlers that reach out of the process.</param>
    /// <param name="moreSchema">Idempotent DDL of tables of its own.</param>
    public static WebApplicationBuilder AddStoreAndBus(
        this WebApplicationBuilder builder, EventTypes types, Action<Bus, IServiceProvider> handlers, params string[] moreSchema)
    {
        ArgumentNullException.ThrowIfNull(builder);
        var service = builder.Services.Select(s => s.ImplementationInstance).OfType<ServiceIdentity>().Single().Name;
        var options = builder.Configuration.GetSection("EventStore").Get<EventStoreOptions>() ?? new EventStoreOptions();
        var messaging = (builder.Configuration.GetSection("Messaging").Get<MessagingOptions>() ?? new MessagingOptions { Url = string.Empty }) with
        {
            Url = Required(builder.Configuration, "ConnectionStrings:nats", "for example nats://127.0.0.1:7122"),
            TokenFile = builder.Configuration["AGENTPLATFORM_NATS_TOKEN_FILE"],
        };
        builder.Services.AddEventStore(
            Required(builder.Configuration, $"ConnectionStrings:{service}db", "an Npgsql connection string"), types, ContractJson.Options, options, [MessagingSetup.Schema, .. moreSchema]);
        builder.Services.AddMessaging(service, messaging, (bus, provider) =>
        {
            handlers(bus, provider);
            Catalogue.Require(bus, typeof(IMessage).Assembly, handlers.Method.Module.Assembly, provider.GetRequiredService<ILogger<Bus>>());
        });
        builder.Services.AddHealthChecks().AddCheck<PostgresHealth>("postgres").AddCheck<NatsHealth>("nats");
        return builder;
    }

    /// <summary>Registers the async projections of the service, bounded by the section <c>Projections</c>; after <see cref="AddStoreAndBus"/>.</summary>
    /// <param name="builder">The service.</param>
    /// <param name="projections">All of them.</param>
    public static WebApplicationBuilder AddProjections(this WebApplicationBuilder builder, params IReadOnlyCollection<Projection> projections)
    {
        ArgumentNullException.ThrowIfNull(builder);
        builder.Services.AddProjections(builder.Configuration.GetSection("Projections").Get<ProjectionOptions>(), projections);
        return builder;
    }

    /// <summary>Builds the service and maps what every service has: <c>/health</c>, <c>/alive</c>, <c>/openapi/v1.json</c>, problem details, access control.</summary>
    /// <param name="builder">The service.</param>
    public static WebApplication BuildService(this WebApplicationBuilder builder)
    {
        ArgumentNullException.ThrowIfNull(builder);
        var app = builder.Build();
        app.UseRequestSpans();
        app.UseExceptionHandler();
        app.UseStatusCodePages();
        app.UseAuthentication();
        app.UseAuthorization();
        app.MapHealthChecks("/health").AllowAnonymous();
        app.MapGet("/alive", () => Results.Text("alive")).AllowAnonymous().ExcludeFromDescription();
        app.MapOpenApi().AllowAnonymous();
        if (app.Services.GetService<IEventStore>() is not null)
        {
            app.MapGet("/v1/store/sequences", StoreSequencesQuery.Handle).RequireAuthorization(Access.Read);
        }

        if (app.Services.GetService<DeadLetters>() is not null)
        {
            app.MapDeadLetters();
        }

        return app;
    }

    private static string Required(ConfigurationManager configuration, string key, string example) =>
        configuration[key] is { Length: > 0 } value
            ? value
            : throw new InvalidOperationException($"The setting {key} is missing: set {key.Replace(":", "__")} ({example}), or start the service through the AppHost");
}

/// <summary>Which service this process is.</summary>
/// <param name="Name">One of <see cref="ServiceNames"/>.</param>
public sealed record ServiceIdentity(string Name);
