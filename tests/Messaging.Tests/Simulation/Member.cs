using System.Collections.Concurrent;
using System.Text.Json;
using AgentPlatform.EventStore;
using AgentPlatform.Testing;
using AgentPlatform.Testing.Faults;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace AgentPlatform.Messaging.Tests.Simulation;

/// <summary>The simulated process reached the point at which it dies; nothing of it may go on.</summary>
public sealed class ProcessDiedException() : Exception("The simulated process is dead");

/// <summary>
/// A service that can die at any fault point, as by kill -9: its connections are reset by the proxies it is reached through, so that not a byte more gets out,
/// and whatever of it still runs fails at the next point. Then another instance is started over the same database.
/// </summary>
public sealed class Member(Servers servers, string service, string database, string schema, string streams, Action<Bus> handlers) : IAsyncDisposable
{
    private readonly List<Task> _funerals = [];
    private readonly Diary _diary = new();
    private Life? _life;
    private bool _hasSchema;
    private int _lives;

    /// <summary>Points at which a member of any world died.</summary>
    public static ConcurrentDictionary<FaultPoint, int> DiedAt { get; } = new();

    public bool IsDead => _life is not { IsDead: false };

    /// <summary>How this member is, for the story that went wrong.</summary>
    public string Health => _life?.Provider is not { } provider || IsDead
        ? $"{service} is dead\n{_diary}"
        : $"{TimeProvider.System.GetUtcNow():mm:ss.fff} {service}: NATS {(provider.GetRequiredService<NatsLink>().IsConnected ? "connected" : "away")}, {_life.Hosted.OfType<HandlerHost>().Single().AtWork} messages at work\n{_life.Doing}\n{_diary}";

    /// <summary>Why a part of the living process gave up, which would end the whole process; null while all are at work.</summary>
    public Exception? Broken => _life?.Hosted.OfType<BackgroundService>().Select(h => h.ExecuteTask?.Exception).FirstOrDefault(e => e is not null);

    /// <summary>Whether this member ended where it was fated to.</summary>
    public bool DiedAsFated { get; private set; }

    /// <summary>From now on the ways to the servers misbehave like this, and this life ends when it comes to that point for the nth time.</summary>
    public void Befall(FaultPoint? dieAt, int nth, FaultPlan nats, FaultPlan postgres)
    {
        DiedAsFated = false;
        _life!.Befall(dieAt, nth, () => DiedAsFated = true);
        Misbehave(nats, postgres);
    }

    /// <summary>From now on the ways to the servers misbehave like this.</summary>
    public void Misbehave(FaultPlan nats, FaultPlan postgres)
    {
        _life!.Nats.Follow(nats);
        _life!.Postgres.Follow(postgres);
    }

    /// <summary>Begins a life; the one before must be over.</summary>
    public async Task Start()
    {
        var life = new Life(FaultyProxy.ForBytes(servers.Postgres.Port), FaultyProxy.ForNats(servers.Nats.Port));
        var settings = new NpgsqlConnectionStringBuilder(database)
        {
            Host = "127.0.0.1",
            Port = life.Postgres.Port,
            ApplicationName = $"{schema}/{++_lives}",
            MaxPoolSize = 12,
        };
        var services = new ServiceCollection();
        services.AddLogging(logging => logging.AddProvider(_diary));
        services.AddSingleton(TimeProvider.System);
        services.AddSingleton(new FaultPoints { Reached = life.Reach });
        services.AddEventStore(
            settings.ConnectionString, EventTypes.Of(typeof(TallyEvent)), JsonSerializerOptions.Web,
            new EventStoreOptions { Schema = schema, HoleGrace = TimeSpan.Zero, PollEvery = TimeSpan.FromMilliseconds(500) }, MessagingSetup.Schema);
        services.AddMessaging(service, Options($"nats://127.0.0.1:{life.Nats.Port}"), (bus, _) => handlers(bus));
        _life = life;
        life.Provider = services.BuildServiceProvider();
        foreach (var hosted in life.Provider.GetServices<IHostedService>())
        {
            if (_hasSchema && hosted.GetType().Name == "SchemaStep")
            {
                continue;
            }

            await hosted.StartAsync(CancellationToken.None);
            life.Hosted.Add(hosted);
        }

        _hasSchema = true;
    }

    /// <summary>Does something as this process; false when it died over it, and then nobody knows whether it was done.</summary>
    public async Task<bool> Try(Func<IServiceProvider, Task> act)
    {
        var life = _life!;
        try
        {
            await act(life.Provider!);
            return true;
        }
        catch (Exception e) when (life.IsDead || e is NpgsqlException or IOException or TimeoutException)
        {
            return false;
        }
    }

    /// <summary>Dies now, if it has not yet.</summary>
    public void Kill() => _life?.Die();

    /// <summary>The ways to the servers are good from now on, and this life has no appointed end any more.</summary>
    public void Heal() => _life?.Heal();

    /// <summary>Clears away what is left of the life that is over, without waiting for it.</summary>
    public void Bury()
    {
        if (_life is { } life)
        {
            life.Die();
            _funerals.RemoveAll(f => f.IsCompletedSuccessfully);
            _funerals.Add(Task.Run(life.End));
            _life = null;
        }
    }

    public async ValueTask DisposeAsync()
    {
        Bury();
        await Task.WhenAll(_funerals);
    }

    private MessagingOptions Options(string url) => new()
    {
        Url = url,
        Namespace = streams,
        RequestTimeout = TimeSpan.FromSeconds(1),
        HeartbeatEvery = TimeSpan.FromMilliseconds(500),
        ReconnectEvery = TimeSpan.FromMilliseconds(20),
        AckWait = TimeSpan.FromSeconds(1),
        PullDuration = TimeSpan.FromSeconds(1),
        RetryDelay = TimeSpan.FromMilliseconds(20),
        RetryDelayMax = TimeSpan.FromMilliseconds(200),
        PollEvery = TimeSpan.FromMilliseconds(400),
        AnnounceEvery = TimeSpan.FromMilliseconds(400),
        ReconcileEvery = TimeSpan.FromMilliseconds(400),
        GapGrace = TimeSpan.FromSeconds(1),
        FactsGrace = TimeSpan.FromSeconds(1),
        StuckGrace = TimeSpan.FromSeconds(1),
        StreamRepairEvery = TimeSpan.FromSeconds(5),
        OutboxBatchMax = 5,
        ResendMax = 4,

        // JetStream sets the room aside when a stream is made, for dozens of worlds at once.
        EventsBytesMax = 1024 * 1024,
        ConcurrencyMax = 4,
        HeldMax = 8,
        DrainMax = TimeSpan.Zero,

        // A world may be unlucky many times in a row; that something is lost for good is tested elsewhere.
        ResendAttemptsMax = 1_000,
    };

    private sealed class Life(FaultyProxy postgres, FaultyProxy nats)
    {
        private volatile Doom? _doom;
        private volatile bool _isDead;

        public FaultyProxy Postgres => postgres;

        public FaultyProxy Nats => nats;

        public ServiceProvider? Provider { get; set; }

        public List<IHostedService> Hosted { get; } = [];

        public bool IsDead => _isDead;

        public string Doing =>
            $"outbox relay {Hosted.OfType<OutboxRelay>().Single().Doing}; fact relay {Hosted.OfType<FactRelay>().Single().Doing}; reconciler {Hosted.OfType<Reconciler>().Single().Doing}; handlers: {Hosted.OfType<HandlerHost>().Single().Doing}";

        public void Befall(FaultPoint? dieAt, int nth, Action told) => _doom = dieAt is { } point ? new Doom(point, nth, told) : null;

        public Task Reach(FaultPoint point)
        {
            if (!_isDead && _doom is { } doom && doom.IsNow(point))
            {
                DiedAt.AddOrUpdate(point, 1, (_, n) => n + 1);
                Die();
                doom.Told();
            }

            return _isDead ? Task.FromException(new ProcessDiedException()) : Task.CompletedTask;
        }

        public void Die()
        {
            _isDead = true;
            postgres.Die();
            nats.Die();
        }

        public void Heal()
        {
            _doom = null;
            postgres.Follow(FaultPlan.None);
            nats.Follow(FaultPlan.None);
        }

        public async Task End()
        {
            foreach (var hosted in Hosted)
            {
                await hosted.StopAsync(new CancellationToken(canceled: true)).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }

            await Provider!.DisposeAsync();
            await postgres.DisposeAsync();
            await nats.DisposeAsync();
        }
    }
    private sealed class Doom(FaultPoint at, int nth, Action told)
    {
        private int _left = nth;

        public Action Told => told;

        public bool IsNow(FaultPoint point) => point == at && Interlocked.Decrement(ref _left) == 0;
    }
}
