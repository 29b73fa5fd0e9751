using AgentPlatform.Contracts;
using AgentPlatform.EventStore;
using AgentPlatform.Testing;
using AgentPlatform.Testing.Faults;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;

namespace AgentPlatform.Messaging.Tests.Simulation;

/// <summary>
/// A sender and a receiver: commands go one way, events about their effect the other; whatever befalls them, every effect is there once in the end. One
/// story follows the other, each with a fate and keys of its own; who died in one is there again in the next.
/// </summary>
public sealed class World : IAsyncDisposable
{
    private const int Batches = 3;
    private const int PerBatch = 3;
    private const int Poison = 1 << 30;
    private const int StandstillMax = 8;
    private static readonly TimeSpan LookEvery = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan SettleMax = TimeSpan.FromSeconds(120);

    private readonly NpgsqlDataSource _direct;
    private readonly JetStreamApi _jetStream;
    private readonly string _streams = $"w{Guid.CreateVersion7():n}";
    private readonly Member _sender;
    private readonly Member _receiver;
    private bool _isReceiverAway;
    private long _deadBefore;

    private World(Servers servers, string database, JetStreamApi jetStream)
    {
        (_direct, _jetStream) = (EventStoreSetup.DataSource(database, new EventStoreOptions()), jetStream);
        _sender = new Member(servers, ServiceNames.Orchestrator, database, $"{_streams}a", _streams, bus => bus.On<Counted, Tally, TallyEvent>(
            Tally.Kind, m => m.Tally, (m, _, _) => ([new TallyEvent.Raised(m.By)], [])));
        _receiver = new Member(servers, ServiceNames.Sessions, database, $"{_streams}b", _streams, bus => bus.On<CountUp, Tally, TallyEvent>(
            Tally.Kind, m => m.Tally, (m, tally, _) => m.By == Poison
                ? throw new InvalidOperationException("nobody can count that far")
                : ([new TallyEvent.Raised(m.By)], [new Counted(m.Tally, tally.Total + m.By) { By = m.By }])));
    }

    /// <summary>Makes a world with a database and streams of its own: what is told in a database wakes everybody in it.</summary>
    public static async Task<World> Make(Servers servers, JetStreamApi jetStream)
    {
        var world = new World(servers, await servers.NewDatabase(), jetStream);
        await using (var schemas = world._direct.CreateCommand($"create schema {world._streams}a; create schema {world._streams}b"))
        {
            await schemas.ExecuteNonQueryAsync();
        }

        await world._sender.Start();
        await world._receiver.Start();
        return world;
    }

    /// <summary>Lives one story to its end.</summary>
    /// <exception cref="Exception">Something was lost, happened twice, or never came to be.</exception>
    public async Task Live(int seed, Fate fate)
    {
        await Revive(Fate.Kind);
        _deadBefore = await Scalar<long>($"select (select count(*) from {_streams}a.ap_dead_letters) + (select count(*) from {_streams}b.ap_dead_letters)");
        _isReceiverAway = fate.ReceiverComesLate;
        if (_isReceiverAway)
        {
            _receiver.Bury();
        }
        else
        {
            _receiver.Befall(fate.ReceiverDiesAt, fate.Nth, fate.Nats, fate.Postgres);
        }

        _sender.Befall(fate.SenderDiesAt, fate.Nth, fate.Nats, fate.Postgres);
        var chance = new Random(seed + 1);
        for (var batch = 0; batch < Batches; batch++)
        {
            await Send(seed, batch, fate);
            await Lose(fate.Losses[batch], chance);
        }

        if (_isReceiverAway)
        {
            await Eventually.Get(
                async () =>
                {
                    await Revive(fate);
                    return await State(seed);
                },
                state => state.Contains("waiting 0, unacknowledged 0", StringComparison.Ordinal),
                "everything published",
                SettleMax,
                LookEvery);
            await Lose(-1, chance);
            await _receiver.Start();
            _receiver.Befall(fate.ReceiverDiesAt, fate.Nth, fate.Nats, fate.Postgres);
            _isReceiverAway = false;
        }

        await Settle(seed, fate);
        await Check(seed, fate);
    }

    /// <summary>How the members are, for the story that went wrong.</summary>
    public override string ToString() => $"{_sender.Health}\n{_receiver.Health}";

    /// <summary>What PostgreSQL knows of these members: their leaders' locks and what their connections are at.</summary>
    public Task<string> Sessions() => Scalar<string>(
        $"""
        select coalesce(string_agg(format('%s %s since %s %s/%s: %s%s', a.pid, a.state, to_char(a.state_change, 'MI:SS.MS'), a.wait_event_type, a.wait_event, left(regexp_replace(a.query, '\s+', ' ', 'g'), 90),
            (select string_agg(format(' [%s %s %s]', l.locktype, case when l.granted then 'has' else 'wants' end, coalesce(l.relation::regclass::text, l.objid::text)), '') from pg_locks l where l.pid = a.pid and l.locktype <> 'virtualxid')),
            E'\n' order by a.pid), 'no sessions')
        from pg_stat_activity a where a.application_name like '{_streams}%'
        """);

    /// <summary>What JetStream knows of the streams and their consumers.</summary>
    public async Task<string> Streams()
    {
        var seen = new List<string>();
        foreach (var stream in (string[])[$"{_streams}_{JetStream.Commands}", $"{_streams}_{JetStream.Events}"])
        {
            seen.Add($"{await _jetStream.Ask($"STREAM.INFO.{stream}")}");
            seen.Add($"{await _jetStream.Ask($"CONSUMER.LIST.{stream}")}");
        }

        return string.Join('\n', seen);
    }

    public async ValueTask DisposeAsync()
    {
        await _sender.DisposeAsync();
        await _receiver.DisposeAsync();
        await _jetStream.DeleteStreams(_streams);
        await _direct.DisposeAsync();
    }

    private static string[] Keys(int seed) => [$"k{seed}-0", $"k{seed}-1"];

    /// <summary>Sends until it is known to be stored; a sender that does not know asks its own stream before it sends again.</summary>
    private async Task Send(int seed, int batch, Fate fate)
    {
        const int triesMax = 50;
        var messages = Enumerable.Range(batch * PerBatch, PerBatch).Select(n => (object)new CountUp(Keys(seed)[n % 2], 1 << n)).ToList();
        if (fate.IsPoisoned && batch == 0)
        {
            messages.Add(new CountUp(Keys(seed)[0], Poison));
        }

        for (var tries = 1; tries <= triesMax; tries++)
        {
            await Revive(fate);
            if (await _sender.Try(services => services.GetRequiredService<DecisionWriter>().Write(
                Tally.Kind, $"sent-{seed}-{batch}", sent => sent.Times > 0 ? ([], []) : ([new TallyEvent.Raised(batch)], [.. messages]), session => session.CorrelationId = "run", CancellationToken.None)))
            {
                return;
            }
        }

        throw new TimeoutException($"Batch {batch} could not be stored in {triesMax} tries");
    }

    private Task Lose(int messages, Random chance) => messages switch
    {
        0 => Task.CompletedTask,
        < 0 => _jetStream.DeleteStreams(_streams),
        _ => _jetStream.DeleteMessages(_streams, messages, chance),
    };

    private async Task Revive(Fate fate)
    {
        foreach (var member in (Member[])[_sender, _receiver])
        {
            if (!member.IsDead && member.Broken is { } cause)
            {
                throw new InvalidOperationException($"A fault that should pass ended a process: {cause}", cause);
            }

            if (member.IsDead && !(member == _receiver && _isReceiverAway))
            {
                member.Bury();
                await member.Start();
                member.Misbehave(fate.Nats, fate.Postgres);
            }
        }
    }

    /// <summary>Lets things go on as fated while they do go on; when they stand still, the network heals.</summary>
    private async Task Settle(int seed, Fate fate)
    {
        var (standstill, seen, isHealed) = (0, string.Empty, false);
        await Eventually.Get(
            async () =>
            {
                await Revive(isHealed ? Fate.Kind : fate);
                var state = await State(seed);
                standstill = state == seen ? standstill + 1 : 0;
                seen = state;
                if (standstill > StandstillMax && !MustStillDie(fate))
                {
                    isHealed = true;
                    _sender.Misbehave(FaultPlan.None, FaultPlan.None);
                    _receiver.Misbehave(FaultPlan.None, FaultPlan.None);
                }

                return state;
            },
            state => state == Done(fate) && !MustStillDie(fate),
            "every effect once, nothing on its way",
            SettleMax,
            LookEvery);
        _sender.Heal();
        _receiver.Heal();
    }

    private bool MustStillDie(Fate fate) => fate.MustDie && !_sender.DiedAsFated && !_receiver.DiedAsFated;

    private async Task Check(int seed, Fate fate)
    {
        foreach (var schema in (string[])[$"{_streams}b", $"{_streams}a"])
        {
            for (var key = 0; key < 2; key++)
            {
                // Undisturbed, messages about one thing are handled in the order they were sent.
                var order = fate.IsKind && schema.EndsWith('b') ? "version" : "(data->>'By')::int";
                Assert.Equal(
                    string.Join(',', Enumerable.Range(0, Batches * PerBatch).Where(n => n % 2 == key).Select(n => 1 << n)),
                    await Scalar<string>($"select coalesce(string_agg(data->>'By', ',' order by {order}), '') from {schema}.mt_events where stream_id = 'tally-{Keys(seed)[key]}'"));
            }

            Assert.Equal(0, await Scalar<long>($"select count(*) from {schema}.ap_passed where reason = 'lost'"));
        }
    }

    private static string Done(Fate fate) => $"counted {Batches * PerBatch}, confirmed {Batches * PerBatch}, waiting 0, unacknowledged 0, dead {(fate.IsPoisoned ? 1 : 0)}";

    private Task<string> State(int seed)
    {
        var (a, b) = ($"{_streams}a", $"{_streams}b");
        return Scalar<string>(
            $"""
            select 'counted ' || (select count(*) from {b}.mt_events where stream_id = any($1)) || ', confirmed ' || (select count(*) from {a}.mt_events where stream_id = any($1))
                || ', waiting ' || (select count(*) from {a}.ap_outbox) + (select count(*) from {b}.ap_outbox)
                || ', unacknowledged ' || (select coalesce(sum(last - published), 0) from {a}.ap_channels) + (select coalesce(sum(last - published), 0) from {b}.ap_channels)
                || ', dead ' || (select count(*) from {a}.ap_dead_letters) + (select count(*) from {b}.ap_dead_letters) - {_deadBefore}
            """,
            new NpgsqlParameter { Value = Keys(seed).Select(key => $"tally-{key}").ToArray() });
    }

    private async Task<T> Scalar<T>(string sql, params NpgsqlParameter[] parameters)
    {
        await using var command = _direct.CreateCommand(sql);
        command.Parameters.AddRange(parameters);
        return (T)(await command.ExecuteScalarAsync())!;
    }
}
