using System.Globalization;
using Npgsql;
using NpgsqlTypes;

namespace AgentPlatform.EventStore;

/// <summary>Stores several units of work in one transaction and one round trip; those that are refused drop out, the others go again.</summary>
internal sealed class StoreGroup(NpgsqlDataSource database, StoreSignal signal, TimeProvider time)
{
    /// <summary>Ends every unit of the group, one way or the other.</summary>
    /// <returns>The streams that moved, and their versions now.</returns>
    public async Task<Dictionary<string, long>> Store(List<UnitOfWork> group)
    {
        var stored = new Dictionary<string, long>(StringComparer.Ordinal);
        var left = group;
        while (left.Count > 0)
        {
            try
            {
                var appends = Sorted(left);
                var versions = await Send(left, appends);
                for (var i = 0; i < appends.Count; i++)
                {
                    stored[appends[i].Append.Stream] = versions[i];
                }

                if (appends.Count > 0)
                {
                    signal.Appended();
                }

                left.ForEach(u => u.Stored());
                return stored;
            }
            catch (PostgresException e) when (e.SqlState == "AP001" && e.ConstraintName is { } refused)
            {
                left = WithoutRefused(left, refused.Split(','), e);
            }
            catch (PostgresException e) when (left.Count > 1 && Culprit(left, e) is { } culprit)
            {
                culprit.Failed(e);
                left = [.. left.Where(u => u != culprit)];
            }
            catch (Exception e)
            {
                // The connection broke, or the server refused for a reason that concerns all: nobody can tell what became of it, and each caller is told.
                left.ForEach(u => u.Failed(e));
                return stored;
            }
        }

        return stored;
    }

    // Sorted over all units, so that any two transactions lock the streams they share in the same order.
    private static List<(UnitOfWork Unit, StreamAppend Append)> Sorted(List<UnitOfWork> units) =>
        [.. units.SelectMany(u => u.Appends.Select(a => (u, a))).OrderBy(pair => pair.a.Stream, StringComparer.Ordinal)];

    private async Task<long[]> Send(List<UnitOfWork> units, List<(UnitOfWork Unit, StreamAppend Append)> appends)
    {
        // A batch without an explicit transaction is one: it is sent with a single Sync, and the first error undoes all of it.
        await using var connection = await database.OpenConnectionAsync(CancellationToken.None);
        await using var batch = connection.CreateBatch();
        AddAll(units.SelectMany(u => u.Guards));
        var append = appends.Count > 0 ? AppendCommand(appends) : null;
        if (append is not null)
        {
            batch.BatchCommands.Add(append);
        }

        AddAll(units.SelectMany(u => u.Others));
        if (batch.BatchCommands.Count == 0)
        {
            return [];
        }

        // Asks the server only about statements that this connection has not seen yet. Npgsql's own preparing loses count when a batch with the same
        // statement twice fails before the first of them, and then every later use fails with "prepared statement does not exist".
        await batch.PrepareAsync(CancellationToken.None);
        var versions = Array.Empty<long>();
        await using (var reader = await batch.ExecuteReaderAsync(CancellationToken.None))
        {
            // Guards and others give no rows; the append gives one.
            do
            {
                if (versions.Length == 0 && append is not null && reader.FieldCount == 1 && reader.GetName(0) == "ap_append_events" && await reader.ReadAsync(CancellationToken.None))
                {
                    versions = reader.GetFieldValue<long[]>(0);
                }
            }
            while (await reader.NextResultAsync(CancellationToken.None));
        }

        return versions;

        void AddAll(IEnumerable<NpgsqlBatchCommand> commands)
        {
            foreach (var command in commands)
            {
                batch.BatchCommands.Add(command);
            }
        }
    }

    private NpgsqlBatchCommand AppendCommand(List<(UnitOfWork Unit, StreamAppend Append)> appends)
    {
        var events = appends.Sum(a => a.Append.Events.Count);
        var (streamOf, ids, types, dotnetTypes, bodies) = (new int[events], new Guid[events], new string[events], new string[events], new string[events]);
        for (int i = 0, at = 0; i < appends.Count; i++)
        {
            foreach (var e in appends[i].Append.Events)
            {
                (streamOf[at], ids[at], types[at], dotnetTypes[at], bodies[at]) = (i + 1, e.Id, e.Type, e.DotnetType, e.Json);
                at++;
            }
        }

        return new NpgsqlBatchCommand("select ap_append_events($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)")
        {
            Parameters =
            {
                Texts(a => a.Append.Stream),
                Texts(a => a.Append.Type),
                new() { Value = appends.ConvertAll(a => a.Append.Expected.Value).ToArray() },
                new() { Value = appends.ConvertAll(a => a.Append.Events.Count).ToArray() },
                Texts(a => a.Unit.CorrelationId),
                Texts(a => a.Unit.CausationId),
                Texts(a => a.Unit.Headers, NpgsqlDbType.Jsonb),
                new() { Value = streamOf },
                new() { Value = ids },
                new() { Value = types, NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Varchar },
                new() { Value = dotnetTypes, NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Varchar },
                new() { Value = bodies, NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Jsonb },
                new() { Value = time.GetUtcNow(), NpgsqlDbType = NpgsqlDbType.TimestampTz },
            },
        };

        NpgsqlParameter Texts(Func<(UnitOfWork Unit, StreamAppend Append), string?> of, NpgsqlDbType type = NpgsqlDbType.Varchar) =>
            new() { Value = appends.ConvertAll(a => of(a)).ToArray(), NpgsqlDbType = NpgsqlDbType.Array | type };
    }

    private static List<UnitOfWork> WithoutRefused(List<UnitOfWork> units, string[] refused, PostgresException e)
    {
        var appends = Sorted(units);
        var gone = new HashSet<UnitOfWork>();
        foreach (var (entry, reason) in refused.Zip(e.MessageText.Split('\n')))
        {
            var (ordinal, code) = (int.Parse(entry.Split(':')[0], CultureInfo.InvariantCulture), entry.Split(':')[1]);
            var unit = appends[ordinal - 1].Unit;
            gone.Add(unit);
            unit.Failed(code == "AP002" ? new StreamArchivedException(reason, e) : new StreamConflictException(reason, e));
        }

        return [.. units.Where(u => !gone.Contains(u))];
    }

    // A statement that a unit brought with it failed: that is this unit's affair, and the others did nothing wrong.
    private static UnitOfWork? Culprit(List<UnitOfWork> units, PostgresException e) =>
        e.IsTransient || e.BatchCommand is not { } command ? null : units.Find(u => u.Guards.Contains(command) || u.Others.Contains(command));
}
