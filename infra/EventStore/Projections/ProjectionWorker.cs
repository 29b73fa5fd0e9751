using Microsoft.Extensions.Logging;

namespace AgentPlatform.EventStore;

/// <summary>Keeps one projection up to date while this process leads it: reads, applies, stores, parks what cannot be applied, builds anew, switches.</summary>
internal sealed partial class ProjectionWorker
{
    private const int RetriesPerRound = 100;
    private readonly Projection _projection;
    private readonly PostgresEventStore _store;
    private readonly ProjectionOptions _options;
    private readonly TimeProvider _time;
    private readonly ILogger _log;
    private readonly ProjectionReader _reader;
    private readonly ProjectionShard _served;
    private readonly ProjectionShard _built;
    private LedgerEntry _entry = new(0, 0, null, null, 0, 0, 0, false);
    private TimeSpan _retryDelay;
    private long _refreshedAt;
    private long _behindSince;
    private volatile bool _leads;
    private TaskCompletionSource _progressed = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public ProjectionWorker(Projection projection, PostgresEventStore store, ProjectionOptions options, TimeProvider time, ILogger log)
    {
        (_projection, _store, _options, _time, _log) = (projection, store, options, time, log);
        _retryDelay = options.RetryDelay;
        _reader = new ProjectionReader(projection, store, options);
        Ledger = new ProjectionLedger(projection, store.Database);
        Parked = new ParkedEvents(projection.Name, store.Database);
        _served = new ProjectionShard(projection.Name, next: false);
        _built = new ProjectionShard(projection.Name, next: true);
    }

    public Projection Projection => _projection;

    public ProjectionLedger Ledger { get; }

    public ParkedEvents Parked { get; }

    /// <summary>Whether this process keeps the projection up to date now.</summary>
    public bool Leads => _leads;

    /// <summary>Up to where the served rows are, as far as this process knows.</summary>
    public long Position => _served.Position;

    /// <summary>When the oldest event that is decided and not applied was stored.</summary>
    public DateTimeOffset? BehindSince
    {
        get => Interlocked.Read(ref _behindSince) is var ticks && ticks > 0 ? new DateTimeOffset(ticks, TimeSpan.Zero) : null;
        private set => Interlocked.Exchange(ref _behindSince, value?.UtcTicks ?? 0);
    }

    public long ParkedStanding => _entry.Parked;

    /// <summary>Take this before looking at <see cref="Position"/>, wait on it afterwards.</summary>
    public Task Progressed => Volatile.Read(ref _progressed).Task;

    public async Task Run(CancellationToken stop)
    {
        while (!stop.IsCancellationRequested)
        {
            try
            {
                await Leader.Run(_store.Database, $"ap_projection/{_projection.Name}", _options.PollEvery, Lead, stop);
                _retryDelay = _options.PollEvery;
            }
            catch (OperationCanceledException) when (stop.IsCancellationRequested)
            {
                return;
            }
            catch (Exception e) when (e is StaleLeaderException or OperationCanceledException)
            {
                LostLead(_projection.Name, e.Message);
            }
            catch (Exception e) when (DatabaseTrouble.Passes(e))
            {
                Interrupted(_projection.Name, e.Message, _retryDelay);
            }
            catch (Exception e)
            {
                // Not an event's fault, or it would have been parked. The other projections go on, and the lag of this one tells.
                Broken(e, _projection.Name, _options.RetryDelayMax);
                _retryDelay = _options.RetryDelayMax;
            }
            finally
            {
                _leads = false;
            }

            await Task.Delay(_retryDelay, _time, stop).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            _retryDelay = TimeSpan.FromTicks(Math.Min(_retryDelay.Ticks * 2, _options.RetryDelayMax.Ticks));
        }
    }

    private async Task Lead(CancellationToken ct)
    {
        await Ledger.Ensure(ct);
        await Refresh(ct);
        _store.HighWater.StartAt(_entry.Served);
        (_leads, _retryDelay) = (true, _options.RetryDelay);
        Leading(_projection.Name, _projection.Version, _entry.Served);
        var cleanAt = _time.GetUtcNow();
        while (true)
        {
            var next = _store.Signal.Next;
            if (_time.GetElapsedTime(_refreshedAt) >= _options.PollEvery)
            {
                await Refresh(ct);
            }

            if (_entry.Version > _projection.Version && _entry.Building != _projection.Version)
            {
                // A newer process built these rows, and will want to lead: this one lets go of the lock.
                StandsAside(_projection.Name, _projection.Version, _entry.Version);
                return;
            }

            if (await Round(ct))
            {
                continue;
            }

            if (_time.GetUtcNow() >= cleanAt)
            {
                cleanAt = _time.GetUtcNow() + _options.CleanEvery;
                await Parked.Clean(_time.GetUtcNow() - _options.RetriedKept, _options.RetriedKeptMax, ct);
            }

            await Refresh(ct);
            await Wait(next, _store.HighWater.IsAtHole ? _options.LookEvery : _options.PollEvery, ct);
        }
    }

    // True when there is more to do at once.
    private async Task<bool> Round(CancellationToken ct)
    {
        if (_entry.Version < _projection.Version && _entry.Building != _projection.Version)
        {
            Rebuilding(_projection.Name, _entry.Version, _projection.Version);
            await Ledger.Begin(ct);
            await Refresh(ct);
        }

        var more = false;
        if (_entry.IsRetryAsked)
        {
            await RetryAsked(ct);
            await Refresh(ct);
            more = _entry.IsRetryAsked;
        }

        if (_entry.PausedBecause is not null)
        {
            await _store.HighWater.Advance(ct);
            BehindSince ??= await OldestAfter(_served.Position, ct);
            return false;
        }

        var mayServe = _entry.Version == _projection.Version;
        if (mayServe)
        {
            more |= await Step(_served, await _store.HighWater.Advance(ct), ct);
        }

        if (_entry.Building == _projection.Version && _entry.PausedBecause is null)
        {
            // What is built may not overtake what is served: they must meet at one position to change places.
            var upTo = mayServe ? _served.Position : await _store.HighWater.Advance(ct);
            if (await Step(_built, upTo, ct))
            {
                return true;
            }

            if (_built.Position >= upTo && _entry.PausedBecause is null)
            {
                await Ledger.Switch(_entry.Generation, mayServe ? _served.Position : null, _built.Position, ct);
                Switched(_projection.Name, _projection.Version, _built.Position);
                await Refresh(ct);
                Tell();
                return true;
            }
        }

        return more;
    }

    private async Task<bool> Step(ProjectionShard shard, long upTo, CancellationToken ct)
    {
        var page = await _reader.Read(shard.Position, upTo, ct);
        if (!shard.IsNext)
        {
            BehindSince = page.Items.Count > 0 ? page.Items[0].Stored.At : null;
        }

        if (page.Position == shard.Position)
        {
            return false;
        }

        if (!await Apply(shard, page, ct))
        {
            return false;
        }

        if (!shard.IsNext)
        {
            ProjectionMeters.Applied.Add(page.Items.Count, new KeyValuePair<string, object?>("projection", _projection.Name));
            BehindSince = page.More ? BehindSince : null;
            Tell();
        }

        return page.More;
    }

    private async Task RetryAsked(CancellationToken ct)
    {
        foreach (var sequence in await Parked.Asked(RetriesPerRound, ct))
        {
            try
            {
                var item = await _reader.Find(sequence, ct) ?? throw new InvalidOperationException($"There is no event {sequence} any more");
                if (item.Event is not { } e)
                {
                    throw new InvalidOperationException("It still cannot be read", item.Broken);
                }

                var batch = new ProjectionBatch(_projection, _store.Views, next: false);
                if (_projection.Wants(e.GetType()))
                {
                    await _projection.Apply([new ProjectedEvent(item.Stored, e)], batch, ct);
                }

                await Ledger.Commit(_entry.Generation, _served, _served.Position, [Parked.Retried(sequence), .. batch.Commands()], ct);
                Retried(_projection.Name, sequence);
            }
            catch (Exception e) when (IsPoison(e, ct))
            {
                await Parked.FailedAgain(sequence, e, ct);
                StillPoison(e, _projection.Name, sequence);
            }
        }

        if (_entry.PausedBecause is not null && await Parked.Standing(_served.ParkedAs, ct) < _options.ParkedMax)
        {
            await Ledger.Resume(ct);
        }

        Tell();
    }

    private async Task Refresh(CancellationToken ct)
    {
        _refreshedAt = _time.GetTimestamp();
        _entry = await Ledger.Read(ct);
        (_served.Position, _built.Position) = (_entry.Served, _entry.Built);
    }

    public async Task<DateTimeOffset?> OldestAfter(long position, CancellationToken ct)
    {
        await using var command = _store.Database.CreateCommand("select timestamp from mt_events where seq_id > $1 and seq_id <= $2 order by seq_id limit 1");
        ProjectionLedger.Add(command.Parameters, position, _store.HighWater.Mark);
        return await command.ExecuteScalarAsync(ct) is DateTime at ? new DateTimeOffset(at, TimeSpan.Zero) : null;
    }

    private async Task Wait(Task next, TimeSpan pause, CancellationToken ct)
    {
        using var timer = CancellationTokenSource.CreateLinkedTokenSource(ct);
        await Task.WhenAny(next, Task.Delay(pause, _time, timer.Token));
        await timer.CancelAsync();
        ct.ThrowIfCancellationRequested();
    }

    private void Tell() => Interlocked.Exchange(ref _progressed, new(TaskCreationOptions.RunContinuationsAsynchronously)).TrySetResult();

    private static bool IsPoison(Exception e, CancellationToken ct) =>
        e is not StaleLeaderException && !DatabaseTrouble.Passes(e) && !(e is OperationCanceledException && ct.IsCancellationRequested);
}
