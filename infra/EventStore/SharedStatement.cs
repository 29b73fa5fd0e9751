using Npgsql;

namespace AgentPlatform.EventStore;

/// <summary>
/// A statement that many units of work bring, each with rows of its own. Units that are stored together send it once, with the rows of all of them: most of what
/// a small statement costs is not its row.
/// </summary>
/// <remarks>
/// It may refuse single rows by raising <see cref="Refused"/> with their places among all rows, from 1, separated by commas, as the name of a constraint; the units
/// they came from drop out, the others go again. Any other failure lets each unit go by itself, so that it meets the one concerned.
/// </remarks>
/// <param name="make">Makes the statement for rows, in the order they were brought; positional parameters only, its rows are not read.</param>
public sealed class SharedStatement(Func<IReadOnlyList<object>, NpgsqlBatchCommand> make)
{
    /// <summary>SQLSTATE with which a statement refuses some of its rows.</summary>
    public const string Refused = "AP004";

    internal NpgsqlBatchCommand For(IReadOnlyList<object> rows) => make(rows);
}

/// <summary>A unit's rows for a statement it shares with others.</summary>
internal readonly record struct SharedRow(SharedStatement Statement, object Row);
