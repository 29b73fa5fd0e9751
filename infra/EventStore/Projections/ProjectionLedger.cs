using Npgsql;
using NpgsqlTypes;

namespace AgentPlatform.EventStore;

/// <summary>Where one projection stands, in the database: version, progress, what is being built, what is parked.</summary>
internal sealed class ProjectionLedger(Projection projection, NpgsqlDataSource database)
{
    // Lost with a crash of PostgreSQL are rows and progress together, and they are made again from the events; so no commit of a projection waits for the disk.
    private const string NotWaitingForTheDisk = "select set_config('synchronous_commit', 'off', true)";

    public string Name => projection.Name;

    /// <summary>Makes the entry of a projection that is new.</summary>
    public async Task Ensure(CancellationToken ct)
    {
        await using var batch = database.CreateBatch();
        batch.BatchCommands.Add(new("insert into ap_projections (name, version) values ($1, $2) on conflict (name) do nothing")
        {
            Parameters = { new() { Value = Name }, new() { Value = projection.Version } },
        });
        batch.BatchCommands.Add(new("insert into mt_event_progression (name, last_seq_id) values ($1 || ':All', 0) on conflict (name) do nothing") { Parameters = { new() { Value = Name } } });
        await batch.ExecuteNonQueryAsync(ct);
    }

    public async Task<LedgerEntry> Read(CancellationToken ct) =>
        await Find(ct) ?? throw new InvalidOperationException($"The projection {Name} has no entry in ap_projections; somebody removed it. Start a process that runs it and it is made again");

    /// <summary>The entry, or null when no process ever ran the projection.</summary>
    public async Task<LedgerEntry?> Find(CancellationToken ct)
    {
        await using var command = database.CreateCommand(
            """
            select p.version, p.generation, p.building, p.paused_because, coalesce(s.last_seq_id, 0), coalesce(n.last_seq_id, 0),
                   (select count(*) from ap_parked_events e where e.projection = p.name and e.retried_at is null),
                   exists (select 1 from ap_parked_events e where e.projection = p.name and e.retry_asked_at is not null)
            from ap_projections p
            left join mt_event_progression s on s.name = p.name || ':All'
            left join mt_event_progression n on n.name = p.name || ':Next:All'
            where p.name = $1
            """);
        command.Parameters.Add(new() { Value = Name });
        await using var reader = await command.ExecuteReaderAsync(ct);
        return await reader.ReadAsync(ct)
            ? new LedgerEntry(
                reader.GetInt32(0), reader.GetInt64(1), reader.IsDBNull(2) ? null : reader.GetInt32(2), reader.IsDBNull(3) ? null : reader.GetString(3),
                reader.GetInt64(4), reader.GetInt64(5), reader.GetInt64(6), reader.GetBoolean(7))
            : null;
    }

    public async Task Begin(CancellationToken ct)
    {
        await using var command = database.CreateCommand("select ap_begin_projection($1, $2, $3, $4)");
        Add(command.Parameters, Name, projection.Version, projection.Views.ToArray(), projection.Tables.ToArray());
        await command.ExecuteNonQueryAsync(ct);
    }

    public async Task Switch(long generation, long? servedPosition, long builtPosition, CancellationToken ct)
    {
        await using var command = database.CreateCommand("select ap_switch_projection($1, $2, $3, $4, $5, $6)");
        Add(command.Parameters, Name, generation);
        command.Parameters.Add(new() { Value = (object?)servedPosition ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Bigint });
        Add(command.Parameters, builtPosition, projection.Views.ToArray(), projection.Tables.ToArray());
        await Fenced(() => command.ExecuteNonQueryAsync(ct));
    }

    /// <summary>Stores changes and progress together, if this process still leads.</summary>
    public async Task Commit(long generation, ProjectionShard shard, long to, IEnumerable<NpgsqlBatchCommand> changes, CancellationToken ct)
    {
        await using var batch = database.CreateBatch();
        batch.BatchCommands.Add(new(NotWaitingForTheDisk));
        var advance = new NpgsqlBatchCommand("select ap_advance_projection($1, $2, $3, $4, $5)");
        Add(advance.Parameters, Name, generation, shard.Progress, shard.Position, to);
        batch.BatchCommands.Add(advance);
        foreach (var change in changes)
        {
            batch.BatchCommands.Add(change);
        }

        await Fenced(() => batch.ExecuteNonQueryAsync(ct));
        shard.Position = to;
    }

    public async Task<bool> Pause(long generation, string because, CancellationToken ct)
    {
        await using var command = database.CreateCommand("update ap_projections set paused_at = now(), paused_because = $3 where name = $1 and generation = $2");
        Add(command.Parameters, Name, generation, because);
        return await command.ExecuteNonQueryAsync(ct) == 1;
    }

    public async Task Resume(CancellationToken ct)
    {
        await using var command = database.CreateCommand("update ap_projections set paused_at = null, paused_because = null where name = $1");
        command.Parameters.Add(new() { Value = Name });
        await command.ExecuteNonQueryAsync(ct);
    }

    public static void Add(NpgsqlParameterCollection parameters, params ReadOnlySpan<object> values)
    {
        foreach (var value in values)
        {
            parameters.Add(new NpgsqlParameter { Value = value });
        }
    }

    private static async Task Fenced(Func<Task<int>> write)
    {
        try
        {
            await write();
        }
        catch (PostgresException e) when (e.SqlState == "AP010")
        {
            throw new StaleLeaderException(e.MessageText, e);
        }
    }
}

/// <summary>The entry of a projection.</summary>
internal sealed record LedgerEntry(int Version, long Generation, int? Building, string? PausedBecause, long Served, long Built, long Parked, bool IsRetryAsked);

/// <summary>One set of rows of a projection and how far it is: the one that is served, or the one being built beside it.</summary>
internal sealed class ProjectionShard(string projection, bool next)
{
    public bool IsNext => next;

    public string ParkedAs { get; } = next ? $"{projection}:Next" : projection;

    public string Progress { get; } = next ? $"{projection}:Next:All" : $"{projection}:All";

    private long _position;

    public long Position
    {
        get => Interlocked.Read(ref _position);
        set => Interlocked.Exchange(ref _position, value);
    }
}

/// <summary>Somebody else leads, or the projection was rebuilt: what this process knows is old, and nothing was stored.</summary>
internal sealed class StaleLeaderException(string message, Exception inner) : Exception(message, inner);
