using System.Text.Json;
using AgentPlatform.Benchmarks.Store;
using AgentPlatform.Contracts;
using AgentPlatform.EventStore;
using AgentPlatform.Messaging;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace AgentPlatform.Benchmarks.Messaging;

[Command(ServiceNames.Sessions, "note")]
internal sealed record Note(string Tally, long SentAt, string Text) : ICommand;

/// <summary>A service that sends itself commands through outbox, JetStream and inbox.</summary>
internal sealed class BenchService : IAsyncDisposable
{
    private readonly IHost _host;

    private BenchService(IHost host) => _host = host;

    public PostgresEventStore Store => _host.Services.GetRequiredService<PostgresEventStore>();

    public Outgoing Outgoing => _host.Services.GetRequiredService<Outgoing>();

    public static async Task<BenchService> Start(BenchmarkRun run, Action<Bus, IServiceProvider> handlers)
    {
        var builder = Host.CreateApplicationBuilder();
        builder.Logging.ClearProviders().SetMinimumLevel(LogLevel.Warning);
        builder.Services.AddSingleton(TimeProvider.System);
        builder.Services.AddEventStore(await run.NewDatabase(), EventTypes.Of(typeof(BenchEvent)), JsonSerializerOptions.Web, moreSchema: MessagingSetup.Schema);
        builder.Services.AddMessaging(ServiceNames.Sessions, new MessagingOptions { Url = run.Nats.Url, HeldMax = 512, ConcurrencyMax = 64 }, handlers);
        var host = builder.Build();
        await host.StartAsync();
        return new BenchService(host);
    }

    /// <summary>Stores messages in the outbox, in one transaction.</summary>
    public async Task Send(params object[] messages)
    {
        var session = Store.Open();
        Outgoing.Send(session, messages);
        await session.SaveChanges(CancellationToken.None);
    }

    public async ValueTask DisposeAsync()
    {
        await _host.StopAsync();
        await ((IAsyncDisposable)_host).DisposeAsync();
    }
}
