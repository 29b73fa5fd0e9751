namespace AgentPlatform.EventStore;

/// <content>Applies a page; what poisons it is found by halving and parked alone.</content>
internal sealed partial class ProjectionWorker
{
    private async Task<bool> Apply(ProjectionShard shard, ProjectionPage page, CancellationToken ct)
    {
        var run = new List<ProjectedEvent>();
        foreach (var item in page.Items)
        {
            if (item.Event is { } e)
            {
                run.Add(new ProjectedEvent(item.Stored, e));
                continue;
            }

            if ((run.Count > 0 && !await ApplyRun(shard, run, run[^1].Stored.Sequence, ct)) || !await Park(shard, item.Stored, item.Broken!, item.Stored.Sequence, ct))
            {
                return false;
            }

            run = [];
        }

        return page.Position == shard.Position || await ApplyRun(shard, run, page.Position, ct);
    }

    // False when the projection was paused on the way.
    private async Task<bool> ApplyRun(ProjectionShard shard, List<ProjectedEvent> run, long to, CancellationToken ct)
    {
        try
        {
            var batch = new ProjectionBatch(_projection, _store.Views, shard.IsNext);
            if (run.Count > 0)
            {
                await _projection.Apply(run, batch, ct);
                ct.ThrowIfCancellationRequested();
            }

            await Ledger.Commit(_entry.Generation, shard, to, batch.Commands(), ct);
            return true;
        }
        catch (Exception e) when (run.Count > 0 && IsPoison(e, ct))
        {
            if (run.Count == 1)
            {
                return await Park(shard, run[0].Stored, e, to, ct);
            }
        }

        var half = run.Count / 2;
        return await ApplyRun(shard, [.. run.Take(half)], run[half - 1].Stored.Sequence, ct) && await ApplyRun(shard, [.. run.Skip(half)], to, ct);
    }

    private async Task<bool> Park(ProjectionShard shard, StoredEvent poison, Exception cause, long to, CancellationToken ct)
    {
        if (await Parked.Standing(shard.ParkedAs, ct) >= _options.ParkedMax)
        {
            var because = $"{_options.ParkedMax} events are parked (Projections:ParkedMax) and event {poison.Sequence} cannot be applied either: {cause.GetType().Name}: {cause.Message}";
            await Ledger.Pause(_entry.Generation, because, ct);
            Paused(cause, shard.ParkedAs, poison.Sequence, _options.ParkedMax);
            await Refresh(ct);
            return false;
        }

        await Ledger.Commit(_entry.Generation, shard, to, [ParkedEvents.Park(shard.ParkedAs, poison.Sequence, cause)], ct);
        ProjectionMeters.Parked.Add(1, new KeyValuePair<string, object?>("projection", _projection.Name));
        ParkedOne(cause, shard.ParkedAs, poison.Sequence, poison.Type, poison.Stream);
        return true;
    }
}
