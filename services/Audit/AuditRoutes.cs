using AgentPlatform.Audit.Chain;
using AgentPlatform.Audit.Parity;
using AgentPlatform.Contracts;
using AgentPlatform.EventStore;
using AgentPlatform.Messaging;
using AgentPlatform.ServiceDefaults;
using AgentPlatform.ServiceDefaults.Vault;

namespace AgentPlatform.Audit;

/// <summary>What the service is made of, and what it answers to.</summary>
public static class AuditRoutes
{
    private static readonly TimeSpan AskDurationMax = TimeSpan.FromSeconds(10);

    public static WebApplicationBuilder AddAudit(this WebApplicationBuilder builder)
    {
        // Unlike others, Audit has no use without the key: it would have to keep everybody's events in clear, or nothing.
        var master = MasterKey.From(builder.Configuration) ?? throw new InvalidOperationException($"Audit seals every record: {new VaultLockedException().Message}");
        builder.AddStoreAndBus(
            EventTypes.Of(),
            static (bus, services) => bus.Do<RecordFacts>(
                (message, context, ct) => services.GetRequiredService<AppendFacts>().Handle(message, context.Complete, ct),
                // The order of a service's events is the order in the chain; of all services there is one chain, so one writer is as fast as many.
                new HandlerOptions { Key = static _ => "chain", ConcurrencyMax = 1 }),
            ChainStore.Schema,
            FactMarks.Schema);
        builder.Services.AddSingleton(services => new ChainStore(services.GetRequiredService<PostgresEventStore>(), master));
        builder.Services.AddSingleton<AppendFacts>();
        builder.Services.AddSingleton<IFactMarks, FactMarks>();
        builder.Services.AddHostedService(services => ActivatorUtilities.CreateInstance<FactMarksTeller>(services, services.GetService<TimeProvider>() ?? TimeProvider.System));
        builder.Services.AddSingleton<CompareStores>();
        foreach (var service in ServiceNames.All.Where(name => name != ServiceNames.Audit))
        {
            builder.Services.AddServiceClient(service, AskDurationMax);
        }
        return builder;
    }

    public static WebApplication MapAudit(this WebApplication app)
    {
        // Records hold what agents did and were told; agents and services have no business reading each other's.
        var people = app.MapGroup("/v1").RequireAuthorization(policy => policy.RequireRole("owner", "operator", "approver", "viewer"));
        people.MapGet("records", ListRecords.Handle);
        people.MapGet("parity", (CompareStores compare, CancellationToken ct) => compare.Handle(ct));
        people.MapPost("verify", VerifyChain.Handle);
        return app;
    }
}
