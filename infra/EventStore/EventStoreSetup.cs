using System.Diagnostics;
using System.Text.Json;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace AgentPlatform.EventStore;

/// <summary>Puts the event store into a host.</summary>
public static class EventStoreSetup
{
    /// <summary>Registers <see cref="PostgresEventStore"/>, also as <see cref="IEventStore"/>, its signal and its schema; the schema is in place before any later hosted service starts.</summary>
    /// <param name="services">The host's services.</param>
    /// <param name="connectionString">The service's own database.</param>
    /// <param name="types">The events the service knows.</param>
    /// <param name="viewJson">How views are written and read.</param>
    /// <param name="options">Bounds; defaults when null.</param>
    /// <param name="moreSchema">Idempotent DDL of one's own for the same database.</param>
    public static IServiceCollection AddEventStore(
        this IServiceCollection services, string connectionString, EventTypes types, JsonSerializerOptions viewJson, EventStoreOptions? options = null, params string[] moreSchema)
    {
        options ??= new EventStoreOptions();
        options.Validate();
        services.AddSingleton(options);
        services.AddSingleton(sp => DataSource(connectionString, options, sp.GetService<ILoggerFactory>()));
        services.AddSingleton<StoreSignal>();
        services.AddSingleton(sp => new PostgresEventStore(
            sp.GetRequiredService<NpgsqlDataSource>(), types, options, viewJson, sp.GetRequiredService<StoreSignal>(), sp.GetService<TimeProvider>() ?? TimeProvider.System));
        services.AddSingleton<IEventStore>(sp => sp.GetRequiredService<PostgresEventStore>());
        services.AddHostedService(sp => new SchemaStep(sp.GetRequiredService<NpgsqlDataSource>(), [Schema.Events, .. moreSchema]));
        services.AddHostedService(sp => sp.GetRequiredService<StoreSignal>());
        return services;
    }

    /// <summary>Connections as the store wants them: statements prepared by themselves, no extra round trip when a connection goes back to the pool.</summary>
    /// <param name="connectionString">Host, port, database, user, pass file.</param>
    /// <param name="options">Names the schema.</param>
    /// <param name="loggers">Where Npgsql logs.</param>
    public static NpgsqlDataSource DataSource(string connectionString, EventStoreOptions options, ILoggerFactory? loggers = null)
    {
        ArgumentNullException.ThrowIfNull(options);
        var settings = new NpgsqlConnectionStringBuilder(connectionString) { SearchPath = options.Schema, NoResetOnClose = true, MaxAutoPrepare = 100, AutoPrepareMinUsages = 2 };
        var builder = new NpgsqlDataSourceBuilder(settings.ConnectionString);
        if (loggers is not null)
        {
            builder.UseLoggerFactory(loggers);
        }

        // Relays and listeners look for work by themselves; only what belongs to somebody's request or message is worth a span.
        builder.ConfigureTracing(tracing => tracing
            .ConfigureCommandFilter(_ => Activity.Current is not null)
            .ConfigureBatchFilter(_ => Activity.Current is not null)
            .ConfigureCommandSpanNameProvider(command => FirstWord(command.CommandText))
            .ConfigureBatchSpanNameProvider(_ => "save"));
        return builder.Build();
    }

    private static string FirstWord(string sql) => sql.TrimStart().Split([' ', '\n'], 2)[0].ToLowerInvariant();

    private sealed class SchemaStep(NpgsqlDataSource database, IReadOnlyList<string> scripts) : IHostedService
    {
        public async Task StartAsync(CancellationToken cancellationToken)
        {
            foreach (var script in scripts)
            {
                await Schema.Apply(database, script, cancellationToken);
            }
        }

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
