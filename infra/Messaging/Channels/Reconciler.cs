using System.Collections.Concurrent;
using AgentPlatform.EventStore;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace AgentPlatform.Messaging;

/// <summary>Compares what each handler has with what the senders sent, and asks for what JetStream lost; one process of a service at a time.</summary>
/// <remarks>
/// PostgreSQL is the truth, JetStream a fast way. A message is missing when its number is neither in the inbox nor passed over. It is lost for certain when
/// JetStream holds nothing any more for the handler, waiting or unacknowledged, although the sender had its acknowledgement before we looked; and for
/// all we know when it stays missing for <see cref="MessagingOptions.GapGrace"/>. Asking once too often costs a duplicate, which the inbox recognises.
/// </remarks>
public sealed partial class Reconciler : BackgroundService
{
    private readonly Bus _bus;
    private readonly NpgsqlDataSource _database;
    private readonly EventStoreOptions _store;
    private readonly NatsLink _nats;
    private readonly JetStream _jetStream;
    private readonly MessagingOptions _options;
    private readonly FaultPoints _faults;
    private readonly TimeProvider _time;
    private readonly ILogger<Reconciler> _log;
    private readonly Marks _marks;
    private readonly Cleaner _cleaner;
    private readonly LeaderLoop _loop;
    private readonly ConcurrentDictionary<string, ChannelsTold> _told = new(StringComparer.Ordinal);
    private readonly Dictionary<(long Mark, long First), Gap> _gaps = [];
    private readonly StuckConsumers _stuck;
    private int _rounds;
    private string _seen = string.Empty;

    /// <summary>Begins when the host starts it.</summary>
    /// <param name="bus">The handlers.</param>
    /// <param name="database">The service's database.</param>
    /// <param name="store">Names the schema.</param>
    /// <param name="nats">The connection.</param>
    /// <param name="jetStream">Streams and consumers.</param>
    /// <param name="deadLetters">Cleaned with outbox and inbox.</param>
    /// <param name="options">How often and how patiently.</param>
    /// <param name="faults">For tests.</param>
    /// <param name="time">The clock.</param>
    /// <param name="log">Where losses are told.</param>
    public Reconciler(
        Bus bus, NpgsqlDataSource database, EventStoreOptions store, NatsLink nats, JetStream jetStream, DeadLetters deadLetters, MessagingOptions options, FaultPoints faults, TimeProvider time,
        ILogger<Reconciler> log)
    {
        (_bus, _database, _store, _nats, _jetStream, _options, _faults, _time, _log) = (bus, database, store, nats, jetStream, options, faults, time, log);
        (_marks, _cleaner, _loop) = (new Marks(database), new Cleaner(database, deadLetters, options, time), new LeaderLoop(database, store, options, time));
        _stuck = new StuckConsumers(options, time);
    }

    /// <summary>What it is at, for whoever wonders why nothing moves.</summary>
    internal string Doing => $"{_loop.Doing}, {_told.Count} senders told what they have, {_rounds} rounds{_seen}";

    /// <inheritdoc/>
    protected override Task ExecuteAsync(CancellationToken stoppingToken) => _loop.Run("ap_reconcile", Reconcile, Interrupted, stoppingToken);

    private async Task Reconcile(CancellationToken ct)
    {
        await _nats.WaitConnected(ct);
        using var told = _nats.Subscribe(_jetStream.SubjectOf(ChannelSubjects.AllTold), (_, _, json) =>
        {
            var news = ChannelJson.Read<ChannelsTold>(json);
            _told[news.Service] = news;
        });
        using var back = new Reconnects(_nats);
        _nats.Publish(_jetStream.SubjectOf(ChannelSubjects.Ask), []);
        using var pace = new PeriodicTimer(_options.ReconcileEvery, _time);
        while (await pace.WaitForNextTickAsync(ct))
        {
            if (back.Happened)
            {
                // A server that came back may have come back empty, and news from before say nothing about it.
                _told.Clear();
                _nats.Publish(_jetStream.SubjectOf(ChannelSubjects.Ask), []);
                continue;
            }

            await Round(ct);
            _rounds++;
            await _cleaner.Clean(ct);
        }
    }

    private async Task Round(CancellationToken ct)
    {
        // What was told before JetStream is asked is with JetStream, or with us, or lost.
        var told = _told.Values.ToList();
        await _jetStream.EnsureStreams(ct);
        foreach (var handler in _bus.Handlers)
        {
            var consumer = await _jetStream.EnsureConsumer(handler.Stream, handler.Consumer, handler.Filter, handler.HeldMax(_options), ct);
            var isStuck = _stuck.IsStuck(handler.Consumer, consumer);
            if (isStuck)
            {
                _jetStream.Suspect(handler.Stream, $"{consumer.Waiting} messages wait before {handler.Consumer}, which asks for them and gets none", new StuckConsumer(handler.Consumer, consumer.Delivered));
            }

            var name = ChannelSubjects.ChannelOf(handler.Filter);
            foreach (var sender in told)
            {
                if (sender.Channels.FirstOrDefault(c => c.Name == name) is { } channel)
                {
                    await Compare(new Place(handler, sender, channel, consumer is { Waiting: > 0 } && !isStuck, IsDrained: consumer is { Waiting: 0, Unacknowledged: 0 }), ct);
                }
            }
        }
    }

    private async Task Compare(Place place, CancellationToken ct)
    {
        var (handler, sender, channel) = (place.Handler, place.Sender, place.Channel);
        var mark = await _marks.Of(handler.Consumer, sender.Sequencer, ct);
        var settled = mark.Settled ?? channel.First - 1;
        if (mark.Settled is null)
        {
            await _marks.Settle(mark.Id, settled, ct);
        }

        var missing = new List<Positions>();
        var mayAdvance = true;
        for (var from = settled + 1; from <= channel.Published && missing.Sum(m => m.Count) < _options.ResendMax;)
        {
            var window = new Positions(from, Math.Min(channel.Published, from + _options.ReconcilePositionsMax - 1));
            var done = await _marks.Done(mark.Id, window, ct);
            missing.AddRange(Gaps.Within(window, done));
            var reached = missing.Count > 0 ? missing[0].First - 1 : window.Last;
            if (mayAdvance && reached > settled)
            {
                settled = reached;
                await _faults.Reach(FaultPoint.Settled);
                await _marks.Settle(mark.Id, settled, ct);
            }

            mayAdvance = missing.Count == 0;
            from = window.Last + 1;
        }

        Forget(mark.Id, missing);
        _seen = $", {handler.Consumer} settled {settled} of {channel.Published}, misses {missing.Sum(m => m.Count)}, more {(place.IsComing ? "wait" : place.IsDrained ? "do not wait" : "do not come")}";
        var lost = missing.Where(gap => IsLost(mark.Id, gap, place)).ToList();
        if (lost.Count > 0)
        {
            await Ask(place, mark.Id, lost, ct);
        }
    }

    private bool IsLost(long mark, Positions positions, Place place)
    {
        var gap = _gaps.TryGetValue((mark, positions.First), out var known) ? known : _gaps[(mark, positions.First)] = new Gap(_time.GetTimestamp());
        var isOverdue = _time.GetElapsedTime(gap.Since) >= _options.GapGrace;

        // While later ones wait in JetStream and are on their way, so may this one be; but one that was overtaken for long is not among them.
        return place.IsDrained || (isOverdue && (!place.IsComing || positions.Last < place.Channel.Published));
    }

    private async Task Ask(Place place, long mark, List<Positions> lost, CancellationToken ct)
    {
        var (handler, sender, channel) = (place.Handler, place.Sender, place.Channel);
        var wanted = Gaps.Take(lost, _options.ResendMax).ToArray();
        await _faults.Reach(FaultPoint.Missed);
        Missed(handler.Consumer, wanted.Sum(w => w.Count), channel.Name, wanted[0].First, sender.Service);
        ResendDone answer;
        try
        {
            answer = ChannelJson.Read<ResendDone>(await _nats.Request(_jetStream.SubjectOf(ChannelSubjects.Resend(sender.Service)), ChannelJson.Write(new ResendAsked(sender.Sequencer, channel.Name, wanted)), ct));
        }
        catch (TimeoutException e)
        {
            // The sender is busy or away; it is asked again in the next round.
            NotAnswered(sender.Service, channel.Name, e.Message);
            return;
        }

        var gone = answer.Gone.ToList();
        foreach (var gap in wanted)
        {
            var known = _gaps[(mark, gap.First)] = _gaps.GetValueOrDefault((mark, gap.First), new Gap(0)) with { Since = _time.GetTimestamp() };
            _gaps[(mark, gap.First)] = known with { Asked = known.Asked + 1 };
            if (known.Asked + 1 >= _options.ResendAttemptsMax)
            {
                gone.AddRange(Gaps.Within(gap, gone.ToList()));
            }
        }

        if (gone.Count > 0)
        {
            await _marks.Pass(mark, gone, "lost", ct);
            MessagingTelemetry.Lost.Add(gone.Sum(g => g.Count), new KeyValuePair<string, object?>("channel", channel.Name));
            Lost(handler.Consumer, gone.Sum(g => g.Count), channel.Name, gone[0].First, sender.Service);
        }
    }

    private void Forget(long mark, List<Positions> missing)
    {
        var open = missing.Select(m => m.First).ToHashSet();
        foreach (var closed in _gaps.Keys.Where(key => key.Mark == mark && !open.Contains(key.First)).ToList())
        {
            _gaps.Remove(closed);
        }
    }

    /// <summary>A handler, a sender, and what lies between them.</summary>
    private sealed record Place(Handler Handler, ChannelsTold Sender, ChannelState Channel, bool IsComing, bool IsDrained);

    /// <summary>Since when positions are missing, or were last asked for, and how often they were.</summary>
    private sealed record Gap(long Since, int Asked = 0);

    /// <summary>Remembers that the connection was lost and came back.</summary>
    private sealed class Reconnects : IDisposable
    {
        private readonly NatsLink _nats;
        private int _happened;

        public Reconnects(NatsLink nats)
        {
            _nats = nats;
            nats.Reconnected += Note;
        }

        public bool Happened => Interlocked.Exchange(ref _happened, 0) == 1;

        public void Dispose() => _nats.Reconnected -= Note;

        private void Note() => Volatile.Write(ref _happened, 1);
    }

    [LoggerMessage(2401, LogLevel.Warning, "Comparing with the senders was interrupted: {Cause}; next try in {Delay}")]
    private partial void Interrupted(string cause, TimeSpan delay);

    [LoggerMessage(2402, LogLevel.Warning, "{Handler} misses {Count} messages on {Channel} from number {First} on; {Service} is asked to publish them again")]
    private partial void Missed(string handler, long count, string channel, long first, string service);

    [LoggerMessage(2403, LogLevel.Warning, "{Service} did not answer about missing messages on {Channel}: {Cause}; it is asked again")]
    private partial void NotAnswered(string service, string channel, string cause);

    [LoggerMessage(2404, LogLevel.Error, "{Handler} lost {Count} messages on {Channel} from number {First} on for good: JetStream lost them, and {Service} keeps them no longer or could not get them through. What they would have caused has to be found by hand")]
    private partial void Lost(string handler, long count, string channel, long first, string service);
}
