using System.Collections.Concurrent;
using AgentPlatform.Contracts;
using AgentPlatform.EventStore;
using AgentPlatform.Messaging;
using AgentPlatform.Testing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace AgentPlatform.ToolGateway.Tests.Faults;

/// <summary>A service that asks for tool calls and remembers what it was answered; it lives through everything.</summary>
internal sealed class Caller : IAsyncDisposable
{
    private readonly IHost _host;
    private readonly ConcurrentDictionary<string, ToolCallSettled> _answers = new();

    private Caller(string database, Servers servers)
    {
        var builder = Host.CreateApplicationBuilder();
        builder.Logging.ClearProviders();
        builder.Services.AddSingleton(TimeProvider.System);
        builder.Services.AddEventStore(database, EventTypes.Of(typeof(Asked)), ContractJson.Options, moreSchema: MessagingSetup.Schema);
        builder.Services.AddMessaging(
            ServiceNames.Orchestrator, new MessagingOptions { Url = servers.Nats.Url, ReconcileEvery = TimeSpan.FromMilliseconds(500), AckWait = TimeSpan.FromSeconds(2), RequestTimeout = TimeSpan.FromSeconds(1), GapGrace = TimeSpan.FromSeconds(2), FactsGrace = TimeSpan.FromSeconds(1) },
            (bus, _) => bus.Do<ToolCallSettled>((answer, context, _) =>
            {
                // A message may be delivered again before it is marked; it is the same one by its id.
                _answers[context.Envelope.Id] = answer;
                return Task.CompletedTask;
            }));
        _host = builder.Build();
    }

    public IEnumerable<ToolCallSettled> Answers => _answers.Values;

    public static async Task<Caller> Start(Servers servers)
    {
        var caller = new Caller(await servers.NewDatabase(), servers);
        await caller._host.StartAsync(TestContext.Current.CancellationToken);
        return caller;
    }

    public async Task Ask(params InvokeTool[] calls)
    {
        var session = _host.Services.GetRequiredService<PostgresEventStore>().Open();
        session.CorrelationId = calls[0].Run.ToString();
        _host.Services.GetRequiredService<Outgoing>().Send(session, calls);
        await session.SaveChanges(TestContext.Current.CancellationToken);
    }

    public async ValueTask DisposeAsync()
    {
        await _host.StopAsync(CancellationToken.None);
        await ((IAsyncDisposable)_host).DisposeAsync();
    }

    /// <summary>The caller keeps no facts of its own.</summary>
    [StoredAs("asked.1")]
    private sealed record Asked;
}
