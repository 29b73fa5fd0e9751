using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace AgentPlatform.EventStore;

/// <summary>
/// Keeps the async projections of a service up to date. It runs in every replica; each projection is led by one of them, by a PostgreSQL lock, and another takes
/// over when that one dies.
/// </summary>
public sealed class ProjectionDaemon : BackgroundService
{
    private readonly Dictionary<string, ProjectionWorker> _workers;
    private readonly PostgresEventStore _store;
    private readonly ProjectionOptions _options;
    private readonly TimeProvider _time;
    private readonly ProjectionMeters _meters;

    /// <summary>Checks the projections; nothing runs yet.</summary>
    /// <param name="store">The store they read.</param>
    /// <param name="projections">All of the service.</param>
    /// <param name="options">Bounds.</param>
    /// <param name="time">The clock of pauses and ages.</param>
    /// <param name="log">Where trouble is told.</param>
    /// <exception cref="InvalidOperationException">Two claim one name or one list, or a name or version cannot be.</exception>
    public ProjectionDaemon(PostgresEventStore store, IReadOnlyCollection<Projection> projections, ProjectionOptions options, TimeProvider time, ILogger<ProjectionDaemon> log)
    {
        ArgumentNullException.ThrowIfNull(store);
        ArgumentNullException.ThrowIfNull(projections);
        ArgumentNullException.ThrowIfNull(options);
        options.Validate();
        Check(projections);
        (_store, _options, _time) = (store, options, time);
        _workers = projections.ToDictionary(p => p.Name, p => new ProjectionWorker(p, store, options, time, log), StringComparer.Ordinal);
        _meters = new ProjectionMeters(_workers.Values, store, time);
    }

    /// <summary>Where every projection stands.</summary>
    /// <param name="ct">Cancels.</param>
    public async Task<IReadOnlyList<ProjectionStatus>> Status(CancellationToken ct)
    {
        var mark = await _store.HighWater.Advance(ct);
        var all = new List<ProjectionStatus>();
        foreach (var worker in _workers.Values)
        {
            var entry = await worker.Ledger.Find(ct) ?? new LedgerEntry(worker.Projection.Version, 0, null, null, 0, 0, 0, false);
            var oldest = await worker.OldestAfter(entry.Served, ct);
            all.Add(new ProjectionStatus(
                worker.Projection.Name, entry.Version, entry.Served, Math.Max(0, mark - entry.Served), oldest is { } at ? _time.GetUtcNow() - at : null,
                entry.Building, entry.Building is null ? null : entry.Built, entry.Parked, entry.PausedBecause, worker.Leads));
        }

        return all;
    }

    /// <summary>Waits until the served rows of a projection hold everything up to a sequence: read your own writes.</summary>
    /// <param name="name">The projection.</param>
    /// <param name="sequence">For example of an event just stored.</param>
    /// <param name="ct">Ends the wait; a projection that is paused never comes there.</param>
    public Task WaitFor(string name, long sequence, CancellationToken ct)
    {
        var worker = Worker(name);
        return Until(worker, async () => (worker.Leads ? worker.Position : (await worker.Ledger.Find(ct))?.Served ?? 0) >= sequence, ct);
    }

    /// <summary>Waits until every projection holds everything that is committed now.</summary>
    /// <param name="ct">Ends the wait.</param>
    public async Task CaughtUp(CancellationToken ct)
    {
        await using var command = _store.Database.CreateCommand("select coalesce(max(seq_id), 0) from mt_events");
        var sequence = (long)(await command.ExecuteScalarAsync(ct))!;
        foreach (var name in _workers.Keys)
        {
            await WaitFor(name, sequence, ct);
        }
    }

    /// <summary>Builds a projection anew beside the rows that are served, and puts the new rows in their place once they have caught up. Told twice it begins again.</summary>
    /// <param name="name">The projection.</param>
    /// <param name="ct">Cancels the begin; once begun it goes on, whichever process leads.</param>
    public async Task Rebuild(string name, CancellationToken ct)
    {
        var worker = Worker(name);
        await worker.Ledger.Ensure(ct);
        await worker.Ledger.Begin(ct);
        _store.Signal.Appended();
    }

    /// <summary>Waits until nothing is being built.</summary>
    /// <param name="name">The projection.</param>
    /// <param name="ct">Ends the wait.</param>
    public Task Rebuilt(string name, CancellationToken ct)
    {
        var worker = Worker(name);
        return Until(worker, async () => await worker.Ledger.Find(ct) is { Building: null, Version: var version } && version >= worker.Projection.Version, ct);
    }

    /// <summary>Events that a projection could not apply, and those that were retried with success and are not forgotten yet.</summary>
    /// <param name="name">The projection.</param>
    /// <param name="after">Begin after this sequence.</param>
    /// <param name="limit">At most this many.</param>
    /// <param name="ct">Cancels.</param>
    public Task<IReadOnlyList<ParkedEvent>> Parked(string name, long after, int limit, CancellationToken ct) => Worker(name).Parked.List(after, limit, ct);

    /// <summary>Has parked events tried again by whoever leads: one, or all. Those that go through count as applied; the others stay parked with the new cause.</summary>
    /// <param name="name">The projection.</param>
    /// <param name="sequence">The event; all when null.</param>
    /// <param name="ct">Cancels.</param>
    /// <returns>How many will be tried.</returns>
    public async Task<int> RetryParked(string name, long? sequence, CancellationToken ct)
    {
        var asked = await Worker(name).Parked.AskForRetry(sequence, ct);
        _store.Signal.Appended();
        return asked;
    }

    /// <summary>Lets a paused projection go on with the event it stopped at.</summary>
    /// <param name="name">The projection.</param>
    /// <param name="ct">Cancels.</param>
    public async Task Resume(string name, CancellationToken ct)
    {
        await Worker(name).Ledger.Resume(ct);
        _store.Signal.Appended();
    }

    /// <inheritdoc/>
    public override void Dispose()
    {
        _meters.Dispose();
        base.Dispose();
    }

    /// <inheritdoc/>
    protected override Task ExecuteAsync(CancellationToken stoppingToken) => Task.WhenAll(_workers.Values.Select(worker => worker.Run(stoppingToken)));

    private async Task Until(ProjectionWorker worker, Func<Task<bool>> holds, CancellationToken ct)
    {
        while (true)
        {
            var progressed = worker.Progressed;
            if (await holds())
            {
                return;
            }

            using var timer = CancellationTokenSource.CreateLinkedTokenSource(ct);
            await Task.WhenAny(progressed, Task.Delay(_options.LookEvery, _time, timer.Token));
            await timer.CancelAsync();
            ct.ThrowIfCancellationRequested();
        }
    }

    private ProjectionWorker Worker(string name) =>
        _workers.TryGetValue(name, out var worker) ? worker : throw new ArgumentException($"There is no projection '{name}'; there are: {string.Join(", ", _workers.Keys)}", nameof(name));

    private static void Check(IReadOnlyCollection<Projection> projections)
    {
        foreach (var projection in projections)
        {
            if (projection.Name.Length == 0 || projection.Name.Contains(':', StringComparison.Ordinal) || projection.Version < 1)
            {
                throw new InvalidOperationException($"A projection has a name without ':' and a version from 1 on, not '{projection.Name}' and {projection.Version}");
            }
        }

        var claims = projections.Select(p => $"name '{p.Name}'").Concat(projections.SelectMany(p => p.Views.Select(v => $"list '{v}'").Concat(p.Tables.Select(t => $"table '{t}'"))));
        if (claims.GroupBy(c => c, StringComparer.Ordinal).FirstOrDefault(g => g.Count() > 1) is { } twice)
        {
            throw new InvalidOperationException($"Two projections claim the {twice.Key}; it belongs to one");
        }
    }
}

/// <summary>Where a projection stands.</summary>
/// <param name="Name">Which.</param>
/// <param name="Version">The version whose rows are served.</param>
/// <param name="Position">The sequence up to which they are.</param>
/// <param name="Behind">Sequences from there to the high-water mark.</param>
/// <param name="Age">Age of the oldest event in between; null when there is none.</param>
/// <param name="Building">The version being built beside them; null when none is.</param>
/// <param name="BuiltTo">How far that one is.</param>
/// <param name="Parked">Events that could not be applied.</param>
/// <param name="PausedBecause">Why it stands still; null while it runs.</param>
/// <param name="IsLedHere">Whether this process keeps it up to date.</param>
public sealed record ProjectionStatus(
    string Name, int Version, long Position, long Behind, TimeSpan? Age, int? Building, long? BuiltTo, long Parked, string? PausedBecause, bool IsLedHere);
