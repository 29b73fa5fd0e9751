using Npgsql;

namespace AgentPlatform.EventStore;

/// <summary>The statements of several units of work in the order they are sent, and whose each of them is.</summary>
internal sealed class GroupBatch
{
    private readonly Dictionary<NpgsqlBatchCommand, IReadOnlyList<UnitOfWork>> _owners = [];

    /// <param name="units">The units.</param>
    /// <param name="appends">All of their appends, sorted.</param>
    /// <param name="now">Timestamp of the events.</param>
    public GroupBatch(List<UnitOfWork> units, List<(UnitOfWork Unit, StreamAppend Append)> appends, DateTimeOffset now)
    {
        Share(units, u => u.SharedGuards);
        Add(units, u => u.Guards);
        if (appends.Count > 0)
        {
            Append = AppendCommands.For(appends, now);
            Commands.Add(Append);
        }

        Add(units, u => u.Others);
        Share(units, u => u.Shared);
    }

    public List<NpgsqlBatchCommand> Commands { get; } = [];

    /// <summary>The statement that appends, null when no unit does.</summary>
    public NpgsqlBatchCommand? Append { get; }

    /// <summary>Whose a statement is: of one unit, or of one for each row of a shared statement; empty for the append.</summary>
    public IReadOnlyList<UnitOfWork> OwnersOf(NpgsqlBatchCommand? command) => command is not null && _owners.TryGetValue(command, out var owners) ? owners : [];

    private void Add(List<UnitOfWork> units, Func<UnitOfWork, IReadOnlyList<NpgsqlBatchCommand>> of)
    {
        foreach (var unit in units)
        {
            foreach (var command in of(unit))
            {
                Commands.Add(command);
                _owners[command] = [unit];
            }
        }
    }

    private void Share(List<UnitOfWork> units, Func<UnitOfWork, IReadOnlyList<SharedRow>> of)
    {
        var (statements, rows, owners) = (new List<SharedStatement>(), new List<List<object>>(), new List<List<UnitOfWork>>());
        foreach (var unit in units)
        {
            foreach (var (statement, row) in of(unit))
            {
                // There are two or three of them in a service.
                var place = statements.IndexOf(statement);
                if (place < 0)
                {
                    place = statements.Count;
                    statements.Add(statement);
                    rows.Add([]);
                    owners.Add([]);
                }

                rows[place].Add(row);
                owners[place].Add(unit);
            }
        }

        for (var i = 0; i < statements.Count; i++)
        {
            var command = statements[i].For(rows[i]);
            Commands.Add(command);
            _owners[command] = owners[i];
        }
    }
}
