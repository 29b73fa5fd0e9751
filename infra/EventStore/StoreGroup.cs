using System.Globalization;
using Npgsql;

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
        for (var again = false; left.Count > 0; again = true)
        {
            if (again)
            {
                left.ForEach(u => u.Renew());
            }

            var appends = Sorted(left);
            var batch = new GroupBatch(left, appends, time.GetUtcNow());
            try
            {
                var versions = await Send(batch, appends);
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
                left = WithoutRefused(left, appends, refused.Split(','), e);
            }
            catch (PostgresException e) when (e.SqlState == SharedStatement.Refused && e.ConstraintName is { } rows && batch.OwnersOf(e.BatchCommand) is { Count: > 0 } owners)
            {
                var refused = rows.Split(',').Select(row => owners[int.Parse(row, CultureInfo.InvariantCulture) - 1]).ToHashSet();
                left = Without(left, refused, e);
            }
            catch (PostgresException e) when (left.Count > 1 && !e.IsTransient && batch.OwnersOf(e.BatchCommand) is [var culprit])
            {
                // A statement that a unit brought with it failed: that is this unit's affair, and the others did nothing wrong.
                left = Without(left, [culprit], e);
            }
            catch (PostgresException e) when (left.Count > 1 && (batch.OwnersOf(e.BatchCommand) is { Count: > 1 } || e.SqlState is PostgresErrorCodes.DeadlockDetected or PostgresErrorCodes.SerializationFailure))
            {
                // Somebody's row in a shared statement failed, or somebody's statement waited for somebody else's in a circle. Nothing was stored; one by one,
                // only those concerned fail, or meet again.
                foreach (var unit in left)
                {
                    unit.Renew();
                    foreach (var (stream, version) in await Store([unit]))
                    {
                        stored[stream] = version;
                    }
                }

                return stored;
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

    private async Task<long[]> Send(GroupBatch group, List<(UnitOfWork Unit, StreamAppend Append)> appends)
    {
        if (group.Commands.Count == 0)
        {
            return [];
        }

        // A batch without an explicit transaction is one: it is sent with a single Sync, and the first error undoes all of it.
        await using var batch = database.CreateBatch();
        foreach (var command in group.Commands)
        {
            batch.BatchCommands.Add(command);
        }

        var versions = appends.ConvertAll(a => a.Append.Expected.Value + a.Append.Events.Count).ToArray();
        await using (var reader = await batch.ExecuteReaderAsync(CancellationToken.None))
        {
            // Only the append of several streams gives rows that matter: where there was no expectation, the version is known from there.
            do
            {
                if (group.Append is { } append && AppendCommands.GivesVersions(append) && reader.FieldCount == 1 && reader.GetName(0) == AppendCommands.Function && await reader.ReadAsync(CancellationToken.None))
                {
                    versions = reader.GetFieldValue<long[]>(0);
                }
            }
            while (await reader.NextResultAsync(CancellationToken.None));
        }

        return versions;
    }

    private static List<UnitOfWork> WithoutRefused(List<UnitOfWork> units, List<(UnitOfWork Unit, StreamAppend Append)> appends, string[] refused, PostgresException e)
    {
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

    private static List<UnitOfWork> Without(List<UnitOfWork> units, HashSet<UnitOfWork> refused, PostgresException e)
    {
        foreach (var unit in refused)
        {
            unit.Failed(e);
        }

        return [.. units.Where(u => !refused.Contains(u))];
    }
}
