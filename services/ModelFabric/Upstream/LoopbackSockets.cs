using System.Net;
using System.Net.Sockets;

namespace AgentPlatform.ModelFabric.Upstream;

/// <summary>Connects to this machine or not at all: whatever a name resolves to, no socket of a local provider leaves it.</summary>
public static class LoopbackSockets
{
    public static async ValueTask<Stream> Connect(SocketsHttpConnectionContext context, CancellationToken ct)
    {
        var (host, port) = (context.DnsEndPoint.Host, context.DnsEndPoint.Port);
        var addresses = Only(await Dns.GetHostAddressesAsync(host, ct));
        if (addresses.Length == 0)
        {
            throw new HttpRequestException(HttpRequestError.ConnectionError, $"{host} does not lead to this machine.");
        }
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            await socket.ConnectAsync(addresses, port, ct);
            return new NetworkStream(socket, ownsSocket: true);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    public static IPAddress[] Only(IEnumerable<IPAddress> addresses) => [.. addresses.Where(IPAddress.IsLoopback)];
}
