using AgentPlatform.Contracts;
using AgentPlatform.EventStore;
using AgentPlatform.Testing;
using AgentPlatform.Testing.Faults;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;

namespace AgentPlatform.Messaging.Tests.Simulation;

/// <summary>Where worlds are made: two schemas for the members of one world at a time, and a NATS whose streams are the world's own.</summary>
/// <param name="servers">The servers.</param>
/// <param name="database">The connection string of the database that all stages share.</param>
/// <param name="direct">A way to it past all proxies.</param>
/// <param name="jetStream">A way to JetStream past all proxies.</param>
/// <param name="number">Tells stages apart.</param>
public sealed class Stage(Servers servers, string database, NpgsqlDataSource direct, JetStreamApi jetStream, int number)
{
    public const string Tables = "ap_outbox, ap_sequencer, ap_channels, ap_sent, ap_marks, ap_passed, ap_inbox, ap_dead_letters, ap_views, mt_event_progression, mt_events, mt_streams";
    private bool _isMade;

    public Servers Servers => servers;

    public string Database => database;

    public JetStreamApi JetStream => jetStream;

    public string SenderSchema => $"stage{number}a";

    public string ReceiverSchema => $"stage{number}b";

    /// <summary>Whether the schemas and their tables are there.</summary>
    public bool IsMade => _isMade;

    /// <summary>Nothing of the world before is left.</summary>
    public async Task Clear()
    {
        foreach (var schema in (string[])[SenderSchema, ReceiverSchema])
        {
            await Do(_isMade
                ? string.Join(';', Tables.Split(", ").Select(table => $"delete from {schema}.{table}")) + $"; select setval('{schema}.mt_events_sequence', 1, false)"
                : $"create schema {schema}");
        }
    }

    public void Made() => _isMade = true;

    public async Task<T> Scalar<T>(string sql)
    {
        await using var command = direct.CreateCommand(sql);
        return (T)(await command.ExecuteScalarAsync())!;
    }

    private async Task Do(string sql)
    {
        await using var command = direct.CreateCommand(sql);
        await command.ExecuteNonQueryAsync();
    }
}

/// <summary>What befalls a world.</summary>
/// <param name="SenderDiesAt">Where the sender's first life ends.</param>
/// <param name="ReceiverDiesAt">Where the receiver's first life ends.</param>
/// <param name="Nth">At which time it gets there.</param>
/// <param name="Nats">How the ways to NATS misbehave.</param>
/// <param name="Postgres">How the ways to PostgreSQL misbehave.</param>
/// <param name="Losses">What JetStream loses after each batch: a number of messages, or everything when negative.</param>
/// <param name="IsPoisoned">Whether one message cannot be handled and dies.</param>
/// <param name="ReceiverComesLate">Whether the receiver begins only when everything was published, and lost again.</param>
/// <param name="MustDie">Whether the world goes on until somebody died as fated.</param>
public sealed record Fate(FaultPoint? SenderDiesAt, FaultPoint? ReceiverDiesAt, int Nth, FaultPlan Nats, FaultPlan Postgres, int[] Losses, bool IsPoisoned = false, bool ReceiverComesLate = false, bool MustDie = false)
{
    public bool IsKind => SenderDiesAt is null && ReceiverDiesAt is null && Nats == FaultPlan.None && Postgres == FaultPlan.None && Losses.All(l => l == 0);

    public static Fate Kind { get; } = new(SenderDiesAt: null, ReceiverDiesAt: null, 1, FaultPlan.None, FaultPlan.None, [0, 0, 0]);

    public static Fate From(int seed)
    {
        var chance = new Random(seed);
        if (chance.Next(10) == 0)
        {
            return Kind;
        }

        var points = Enum.GetValues<FaultPoint>();
        return new Fate(
            chance.NextDouble() < 0.4 ? points[chance.Next(points.Length)] : null,
            chance.NextDouble() < 0.5 ? points[chance.Next(points.Length)] : null,
            chance.Next(1, 4),
            chance.NextDouble() < 0.5 ? new FaultPlan(seed) { Cut = 0.01, Delay = 0.05, Repeat = 0.1, Swap = 0.2 } : FaultPlan.None,
            chance.NextDouble() < 0.3 ? new FaultPlan(seed) { Cut = 0.005, Delay = 0.02 } : FaultPlan.None,
            [.. Enumerable.Range(0, 3).Select(_ => chance.NextDouble() < 0.25 ? (chance.Next(4) == 0 ? -1 : chance.Next(1, 4)) : 0)]);
    }
}

/// <summary>A sender and a receiver: commands go one way, events about their effect the other; whatever befalls them, every effect is there once in the end.</summary>
public sealed class World : IAsyncDisposable
{
    private const int Batches = 3;
    private const int PerBatch = 4;
    private const int Poison = 1 << 30;
    private static readonly string[] Keys = ["k0", "k1"];
    private static readonly TimeSpan SettleMax = TimeSpan.FromSeconds(60);

    private readonly Stage _stage;
    private readonly string _streams;
    private readonly Fate _fate;
    private readonly Random _chance;
    private readonly Member _sender;
    private readonly Member _receiver;
    private bool _receiverCame;

    private World(Stage stage, int seed, Fate fate)
    {
        (_stage, _fate, _chance) = (stage, fate, new Random(seed + 1));
        _streams = $"w{seed}-{Guid.CreateVersion7():n}";
        _sender = new Member(stage.Servers, ServiceNames.Orchestrator, stage.Database, stage.SenderSchema, _streams, bus => bus.On<Counted, Tally, TallyEvent>(
            Tally.Kind, m => m.Tally, (m, _, _) => ([new TallyEvent.Raised(m.By)], [])));
        _receiver = new Member(stage.Servers, ServiceNames.Sessions, stage.Database, stage.ReceiverSchema, _streams, bus => bus.On<CountUp, Tally, TallyEvent>(
            Tally.Kind, m => m.Tally, (m, tally, _) => m.By == Poison
                ? throw new InvalidOperationException("nobody can count that far")
                : ([new TallyEvent.Raised(m.By)], [new Counted(m.Tally, tally.Total + m.By) { By = m.By }])));
    }

    /// <summary>Lives one world to its end.</summary>
    /// <exception cref="Exception">Something was lost, happened twice, or never came to be.</exception>
    public static async Task Run(Stage stage, int seed, Fate fate)
    {
        await stage.Clear();
        await using var world = new World(stage, seed, fate);
        await world.Live();
        await world.Settle();
        await world.Check();
    }

    public async ValueTask DisposeAsync()
    {
        await _sender.DisposeAsync();
        await _receiver.DisposeAsync();
        await _stage.JetStream.DeleteStreams(_streams);
    }

    private async Task Live()
    {
        if (!_stage.IsMade)
        {
            await _sender.Start();
            await _receiver.Start();
            _sender.Bury();
            _receiver.Bury();
            _stage.Made();
        }

        _sender.HasSchema();
        _receiver.HasSchema();
        await _sender.Start(_fate.SenderDiesAt, _fate.Nth, _fate.Nats, _fate.Postgres);
        if (!_fate.ReceiverComesLate)
        {
            await StartReceiver();
        }

        for (var batch = 0; batch < Batches; batch++)
        {
            await Send(batch);
            await Lose(_fate.Losses[batch]);
        }

        if (_fate.ReceiverComesLate)
        {
            await Eventually.Get(State, state => state.Contains("waiting 0, unacknowledged 0", StringComparison.Ordinal), "everything published");
            await Lose(-1);
            await StartReceiver();
        }
    }

    private async Task StartReceiver()
    {
        await _receiver.Start(_fate.ReceiverDiesAt, _fate.Nth, _fate.Nats, _fate.Postgres);
        _receiverCame = true;
    }

    /// <summary>Sends until it is known to be stored; a sender that does not know asks its own stream before it sends again.</summary>
    private async Task Send(int batch)
    {
        const int triesMax = 50;
        var messages = Enumerable.Range(batch * PerBatch, PerBatch).Select(n => (object)new CountUp(Keys[n % Keys.Length], 1 << n)).ToList();
        if (_fate.IsPoisoned && batch == 0)
        {
            messages.Add(new CountUp(Keys[0], Poison));
        }

        for (var tries = 1; tries <= triesMax; tries++)
        {
            await Revive();
            if (await _sender.Try(services => services.GetRequiredService<DecisionWriter>().Write(
                Tally.Kind, $"sent-{batch}", sent => sent.Times > 0 ? ([], []) : ([new TallyEvent.Raised(batch)], [.. messages]), session => session.CorrelationId = "run", CancellationToken.None)))
            {
                return;
            }
        }

        throw new TimeoutException($"Batch {batch} could not be stored in {triesMax} tries");
    }

    private Task Lose(int messages) => messages switch
    {
        0 => Task.CompletedTask,
        < 0 => _stage.JetStream.DeleteStreams(_streams),
        _ => _stage.JetStream.DeleteMessages(_streams, messages, _chance),
    };

    private async Task Revive()
    {
        foreach (var member in (Member[])[_sender, _receiver])
        {
            if (member.IsDead && (member == _sender || _receiverCame))
            {
                member.Bury();
                await member.Start(nats: _fate.Nats, postgres: _fate.Postgres);
            }
        }
    }

    /// <summary>Lets things go on as fated while they do go on; when they stand still, the network heals.</summary>
    private async Task Settle()
    {
        var (standstill, seen) = (0, string.Empty);
        await Eventually.Get(
            async () =>
            {
                await Revive();
                var state = await State();
                standstill = state == seen ? standstill + 1 : 0;
                seen = state;
                if (standstill > 20 && !MustStillDie)
                {
                    _sender.Heal();
                    _receiver.Heal();
                }

                return state;
            },
            state => state == Done() && !MustStillDie,
            "every effect once, nothing on its way",
            SettleMax);
    }

    private async Task Check()
    {
        foreach (var schema in (string[])[_stage.ReceiverSchema, _stage.SenderSchema])
        {
            foreach (var (key, index) in Keys.Select((key, index) => (key, index)))
            {
                var expected = string.Join(',', Enumerable.Range(0, Batches * PerBatch).Where(n => n % Keys.Length == index).Select(n => 1 << n));
                var order = _fate.IsKind && schema == _stage.ReceiverSchema ? "version" : "(data->>'By')::int";
                Assert.Equal(expected, await _stage.Scalar<string>($"select coalesce(string_agg(data->>'By', ',' order by {order}), '') from {schema}.mt_events where stream_id = 'tally-{key}'"));
            }
        }

        Assert.Equal(0, await _stage.Scalar<long>($"select count(*) from {_stage.ReceiverSchema}.ap_passed where reason = 'lost'"));
        Assert.Equal(0, await _stage.Scalar<long>($"select count(*) from {_stage.SenderSchema}.ap_passed where reason = 'lost'"));
    }

    private bool MustStillDie => _fate.MustDie && !_sender.DiedAsFated && !_receiver.DiedAsFated;

    private string Done() => $"counted {Batches * PerBatch}, confirmed {Batches * PerBatch}, waiting 0, unacknowledged 0, dead {(_fate.IsPoisoned ? 1 : 0)}";

    private async Task<string> State()
    {
        var (a, b) = (_stage.SenderSchema, _stage.ReceiverSchema);
        return await _stage.Scalar<string>(
            $"""
            select 'counted ' || (select count(*) from {b}.mt_events where stream_id like 'tally-k%') || ', confirmed ' || (select count(*) from {a}.mt_events where stream_id like 'tally-k%')
                || ', waiting ' || (select count(*) from {a}.ap_outbox) + (select count(*) from {b}.ap_outbox)
                || ', unacknowledged ' || (select coalesce(sum(last - published), 0) from {a}.ap_channels) + (select coalesce(sum(last - published), 0) from {b}.ap_channels)
                || ', dead ' || (select count(*) from {a}.ap_dead_letters) + (select count(*) from {b}.ap_dead_letters)
            """);
    }
}
