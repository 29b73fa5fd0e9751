using System.Net.Sockets;
using Npgsql;

namespace AgentPlatform.EventStore;

/// <summary>Tells trouble of PostgreSQL or the way to it, which passes, from trouble of a statement or an event, which does not.</summary>
public static class DatabaseTrouble
{
    /// <summary>Whether the same thing may work later without anybody changing anything.</summary>
    /// <param name="e">What went wrong.</param>
    public static bool Passes(Exception e) => e switch
    {
        // Class 08 connection, 53 resources, 57 operator intervention (shutdown, crash), 40 serialisation and deadlock, 58 system.
        PostgresException p => p.IsTransient || p.SqlState[..2] is "08" or "53" or "57" or "40" or "58",
        NpgsqlException or SocketException or IOException => true,
        _ => false,
    };
}
