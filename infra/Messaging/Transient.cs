using System.Net.Sockets;
using AgentPlatform.EventStore;
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
        NpgsqlException => DatabaseTrouble.Passes(e),
        NATSException or TimeoutException or IOException or SocketException or HttpRequestException => true,
        AggregateException a => a.InnerExceptions.All(Is),
        _ => e.InnerException is { } inner && Is(inner),
    };
}
