using Npgsql;

namespace AgentPlatform.EventStore;

/// <summary>A unit of work that other tables of the same database can take part in: one round trip, one transaction.</summary>
public interface IPostgresSession : IEventSession
{
    /// <summary>The W3C <c>traceparent</c> of what is appended from here on, for work that is stored after and beside the request it belongs to; null for the current activity's.</summary>
    string? TraceParent { get; set; }

    /// <summary>Adds a statement of one's own to the transaction, after the events.</summary>
    /// <param name="command">Positional parameters only; its rows are not read. Raising <c>AP001</c> is a conflict like that of a stream.</param>
    void Enlist(NpgsqlBatchCommand command);

    /// <summary>Adds a row to a statement that is shared with the units of work that are stored together with this one; it runs after the events.</summary>
    /// <param name="statement">Always the same object for the same statement.</param>
    /// <param name="row">What the statement makes its parameters of.</param>
    void Enlist(SharedStatement statement, object row);

    /// <summary>Like <see cref="Enlist(SharedStatement, object)"/>, but runs before the events get their positions.</summary>
    /// <param name="statement">Always the same object for the same statement.</param>
    /// <param name="row">What the statement makes its parameters of.</param>
    void Guard(SharedStatement statement, object row);

    /// <summary>Adds a statement that runs before the events get their positions; it gives no rows, and when it fails nothing is stored and no hole is left.</summary>
    /// <param name="command">Positional parameters only; for example an insert that fails when the same thing was done before.</param>
    void Guard(NpgsqlBatchCommand command);
}
