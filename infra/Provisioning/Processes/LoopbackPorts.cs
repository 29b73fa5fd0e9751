using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;

namespace AgentPlatform.Provisioning.Processes;

/// <summary>Loopback ports: is one free, and which one is.</summary>
public static class LoopbackPorts
{
    // Below the range the kernel hands out for outgoing connections (32768 and up): a port we give to a server that is stopped and
    // started again must not be taken by somebody's outgoing connection in between.
    private const int First = 15_000;
    private const int Last = 32_000;
    private const int TriesMax = 200;

    private static readonly HashSet<int> HandedOut = [];

    /// <summary>True when a server could listen on it now.</summary>
    public static bool IsFree(int port)
    {
        try
        {
            using var probe = new TcpListener(IPAddress.Loopback, port);
            probe.Start();
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }

    /// <summary>Throws when a server could not listen on it now.</summary>
    /// <exception cref="PortInUseException">The port is taken.</exception>
    public static void ThrowIfTaken(int port, string wantedBy)
    {
        if (!IsFree(port))
        {
            throw new PortInUseException(port, wantedBy);
        }
    }

    /// <summary>A free port, never the same twice in one process. Another process may be faster; a server that finds it taken asks again.</summary>
    public static int Next() => NextBlock(1);

    /// <summary>The first of several free ports in a row, none of them handed out before in this process: two stacks that start at once do not overlap.</summary>
    /// <param name="count">At least 1.</param>
    public static int NextBlock(int count)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(count, 1);
        for (var i = 0; i < TriesMax; i++)
        {
            var ports = Enumerable.Range(RandomNumberGenerator.GetInt32(First, Last - count), count).ToArray();
            if (!Array.TrueForAll(ports, IsFree))
            {
                continue;
            }

            lock (HandedOut)
            {
                if (!HandedOut.Overlaps(ports))
                {
                    HandedOut.UnionWith(ports);
                    return ports[0];
                }
            }
        }

        throw new PortInUseException($"No {count} free ports in a row between {First} and {Last} in {TriesMax} tries; too many servers run on this machine.");
    }
}
