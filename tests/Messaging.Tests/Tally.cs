using System.Text.Json;
using AgentPlatform.Contracts;
using AgentPlatform.EventStore;
using AgentPlatform.Testing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

[assembly: AssemblyFixture(typeof(Servers))]

// The tests of this assembly share one server, and some stop it.
[assembly: CollectionBehavior(DisableTestParallelization = true)]

namespace AgentPlatform.Messaging.Tests;

[Command(ServiceNames.Sessions, "count-up")]
public sealed record CountUp(string Tally, int By) : ICommand;

[IntegrationEvent(ServiceNames.Sessions, "tally", "counted")]
public sealed record Counted(string Tally, int Total) : IIntegrationEvent
{
    public int By { get; init; }

    [System.Text.Json.Serialization.JsonIgnore]
    public string AboutId => Tally;
}

public abstract record TallyEvent
{
    private TallyEvent()
    {
    }

    [StoredAs("tally-raised.1")]
    public sealed record Raised(int By) : TallyEvent;
}

public sealed record Tally(int Total, int Times)
{
    public static readonly StreamKind<Tally, TallyEvent> Kind = new(
        "tally", new Tally(0, 0), (tally, e) => e is TallyEvent.Raised raised ? new Tally(tally.Total + raised.By, tally.Times + 1) : tally);
}

/// <summary>A small service on real PostgreSQL and NATS: it counts, and tells what it counted.</summary>
public sealed class TallyService : IAsyncDisposable
{
    private readonly IHost _host;

    private TallyService(IHost host) => _host = host;

    public PostgresEventStore Store => _host.Services.GetRequiredService<PostgresEventStore>();

    public NatsLink Nats => _host.Services.GetRequiredService<NatsLink>();

    public DeadLetters DeadLetters => _host.Services.GetRequiredService<DeadLetters>();

    public DecisionWriter Writer => _host.Services.GetRequiredService<DecisionWriter>();

    /// <summary>The namespace of the running test on the shared server: what a test leaves unacknowledged is no other's to handle.</summary>
    public static string Streams => $"test-{TestContext.Current.Test!.UniqueID[..16]}";

    public static async Task<TallyService> Start(
        Servers servers, string database, Action<Bus> handlers, Func<MessagingOptions, MessagingOptions>? change = null, string service = ServiceNames.Sessions)
    {
        var options = new MessagingOptions
        {
            Url = servers.Nats.Url, RetryDelay = TimeSpan.FromMilliseconds(20), AttemptsMax = 3, RequestTimeout = TimeSpan.FromSeconds(1), LeaveAfter = TimeSpan.FromSeconds(2), AckWait = TimeSpan.FromSeconds(2),
            PullDuration = TimeSpan.FromMilliseconds(500), AnnounceEvery = TimeSpan.FromMilliseconds(100), ReconcileEvery = TimeSpan.FromMilliseconds(100), GapGrace = TimeSpan.FromSeconds(2), FactsGrace = TimeSpan.FromSeconds(1),
            EventsBytesMax = 16 * 1024 * 1024,
        };
        options = change?.Invoke(options) ?? options;
        if (options.Url == servers.Nats.Url && options.Namespace.Length == 0)
        {
            options = options with { Namespace = Streams };
        }

        var builder = Host.CreateApplicationBuilder();
        builder.Logging.ClearProviders().SetMinimumLevel(LogLevel.Warning);
        builder.Services.AddSingleton(TimeProvider.System);
        builder.Services.AddEventStore(database, EventTypes.Of(typeof(TallyEvent)), JsonSerializerOptions.Web, new EventStoreOptions { HoleGrace = TimeSpan.Zero }, MessagingSetup.Schema);
        builder.Services.AddMessaging(service, options, (bus, _) => handlers(bus));
        var host = builder.Build();
        await host.StartAsync(TestContext.Current.CancellationToken);
        return new TallyService(host);
    }

    /// <summary>Bytes that no outbox would send; again until they are acknowledged, as an outbox would.</summary>
    public Task Publish(string subject, byte[] payload) => Eventually.True(
        async () => await Record.ExceptionAsync(() => _host.Services.GetRequiredService<JetStream>().Publish(subject, payload, TestContext.Current.CancellationToken)) is null, $"an acknowledgement on {subject}");

    /// <summary>Ends when a stop was heard; what is at work may still be at work.</summary>
    public Task TakesNoMore => _host.Services.GetServices<IHostedService>().OfType<HandlerHost>().Single().ExecuteTask!;

    /// <summary>What waits before the consumer of a handler; negative before it is made.</summary>
    public async Task<(long Waiting, long Unacknowledged)> Depth(string consumer)
    {
        try
        {
            var state = await _host.Services.GetRequiredService<JetStream>().StateOf(JetStream.Commands, consumer, TestContext.Current.CancellationToken);
            return (state.Waiting, state.Unacknowledged);
        }
        catch (JetStreamException e) when (e.IsNotThere)
        {
            return (-1, -1);
        }
    }

    /// <summary>Messages that JetStream has not acknowledged, as far as this service knows.</summary>
    public const string Unpublished = "select (select count(*) from ap_outbox) + (select coalesce(sum(last - published), 0)::bigint from ap_channels)";

    /// <summary>Cuts the connections that hold locks, as a broken network would: leaders lead anew.</summary>
    public Task Dethrone() => Scalar<long>(
        "select count(pg_terminate_backend(l.pid)) from pg_locks l join pg_database d on d.oid = l.database where d.datname = current_database() and l.locktype = 'advisory' and l.pid <> pg_backend_pid()");

    public Task Send(string correlation, params object[] messages) =>
        Writer.Write(Tally.Kind, "outside", _ => ([], messages), session => session.CorrelationId = correlation, TestContext.Current.CancellationToken);

    public async Task<Tally> Read(string tally) => (await Store.Aggregate(Tally.Kind, tally, TestContext.Current.CancellationToken)).State;

    public async Task<T> Scalar<T>(string sql)
    {
        await using var command = Store.Database.CreateCommand(sql);
        return (T)(await command.ExecuteScalarAsync(TestContext.Current.CancellationToken))!;
    }

    public async ValueTask DisposeAsync()
    {
        await _host.StopAsync(CancellationToken.None);
        await ((IAsyncDisposable)_host).DisposeAsync();
    }
}
