using Npgsql;

namespace AgentPlatform.EventStore;

/// <summary>A unit of work that other tables of the same database can take part in: one round trip, one transaction.</summary>
public interface IPostgresSession : IEventSession
{
    /// <summary>Adds a statement of one's own to the transaction, after the events.</summary>
    /// <param name="command">Positional parameters only.</param>
    void Enlist(NpgsqlBatchCommand command);
}
