using System.Net.Sockets;
using NATS.Client;
using Npgsql;

namespace AgentPlatform.Messaging;

/// <summary>Tells trouble of PostgreSQL, NATS or the network, which passes, from trouble of a message, which does not.</summary>
public static class Transient
{
    /// <summary>Whether the same thing may work later without anybody changing anything.</summary>
    /// <param name="e">What went wrong.</param>
    public static bool Is(Exception e) => e switch
    {
        // Class 08 connection, 53 resources, 57 operator intervention (shutdown, crash), 40 serialisation and deadlock, 58 system.
        PostgresException p => p.IsTransient || p.SqlState[..2] is "08" or "53" or "57" or "40" or "58",
        NpgsqlException or NATSException or TimeoutException or IOException or SocketException or HttpRequestException => true,
        AggregateException a => a.InnerExceptions.All(Is),
        _ => e.InnerException is { } inner && Is(inner),
    };
}
