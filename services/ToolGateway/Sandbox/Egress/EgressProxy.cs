using System.Buffers;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace AgentPlatform.ToolGateway.Sandbox.Egress;

/// <summary>A host that a tool asked for, and what became of it.</summary>
public readonly record struct EgressAttempt(string Host, int Port, bool Granted, string Why);

/// <summary>
/// The one way out of a call that may reach some hosts: an HTTP proxy (CONNECT, and plain HTTP) on the loopback of the call's own network namespace, where nothing else is.
/// </summary>
/// <remarks>
/// Names are looked up here, and a name that leads to an address of this machine or its network is refused, unless that address itself is granted. Does not look into
/// encrypted connections: a granted host that passes on to others can be used to reach them.
/// </remarks>
internal sealed class EgressProxy : IDisposable
{
    /// <summary>Where the tool finds it. The namespace is the call's own, so the number can be taken by nobody else.</summary>
    internal const int Port = 3128;

    private const int HeadBytesMax = 16 * 1024, ConnectionsMax = 64;
    private static readonly TimeSpan HeadDurationMax = TimeSpan.FromSeconds(30), ConnectDurationMax = TimeSpan.FromSeconds(15);

    private readonly Socket listener;
    private readonly HostGrants hosts;
    private readonly Action<EgressAttempt> tell;
    private readonly CancellationTokenSource over = new();
    private readonly SemaphoreSlim free = new(ConnectionsMax);

    /// <param name="listener">A listening socket, in whatever namespace; its own from now on.</param>
    /// <param name="hosts">What may be reached.</param>
    /// <param name="tell">Hears of each attempt; must be quick and bear several threads.</param>
    internal EgressProxy(Socket listener, HostGrants hosts, Action<EgressAttempt> tell)
    {
        (this.listener, this.hosts, this.tell) = (listener, hosts, tell);
        _ = Accept();
    }

    public void Dispose()
    {
        over.Cancel();
        listener.Dispose();
    }

    private async Task Accept()
    {
        try
        {
            while (true)
            {
                await free.WaitAsync(over.Token);
                _ = Serve(await listener.AcceptAsync(over.Token));
            }
        }
        catch (Exception e) when (e is OperationCanceledException or SocketException or ObjectDisposedException)
        {
            // The call is over.
        }
    }

    private async Task Serve(Socket client)
    {
        try
        {
            using (client)
            using (var patience = CancellationTokenSource.CreateLinkedTokenSource(over.Token))
            {
                patience.CancelAfter(HeadDurationMax);
                var (head, rest) = await ReadHead(client, patience.Token);
                if (head is null || ProxyRequest.Parse(head) is not { } request)
                {
                    await Answer(client, "400 Bad Request", "This is an HTTP proxy: send CONNECT host:port, or a request with an absolute http:// address.");
                    return;
                }
                patience.CancelAfter(ConnectDurationMax);
                var (server, why) = await Connect(request, patience.Token);
                tell(new(request.Host, request.Port, server is not null, why));
                if (server is null)
                {
                    await Answer(client, "403 Forbidden", $"{request.Host}:{request.Port}: {why}");
                    return;
                }
                using (server)
                {
                    if (request.IsTunnel) await Send(client, "HTTP/1.1 200 Connection established\r\n\r\n"u8.ToArray());
                    else await Send(server, Encoding.Latin1.GetBytes(request.Forwarded));
                    if (rest.Length > 0) await Send(server, rest);
                    await Task.WhenAll(Relay(client, server), Relay(server, client));
                }
            }
        }
        catch (Exception e) when (e is OperationCanceledException or SocketException or ObjectDisposedException)
        {
            // Either side left, or the call is over.
        }
        finally
        {
            free.Release();
        }
    }

    private async Task<(Socket? Server, string Why)> Connect(ProxyRequest request, CancellationToken ct)
    {
        if (hosts.Refusal(request.Host, request.Port) is { } refusal) return (null, refusal);
        IPAddress[] addresses;
        try
        {
            addresses = await Dns.GetHostAddressesAsync(request.Host, ct);
        }
        catch (SocketException e)
        {
            return (null, $"the name cannot be looked up: {e.Message}");
        }
        var why = "the name has no address";
        foreach (var address in addresses)
        {
            if (HostGrants.RefusalOf(address, request.Host) is { } refused)
            {
                why = refused;
                continue;
            }
            var server = new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
            try
            {
                await server.ConnectAsync(new IPEndPoint(address, request.Port), ct);
                return (server, "granted");
            }
            catch (SocketException e)
            {
                server.Dispose();
                why = $"granted, but it does not answer: {e.Message}";
            }
            catch
            {
                server.Dispose();
                throw;
            }
        }
        return (null, why);
    }

    private static async Task<(string? Head, byte[] More)> ReadHead(Socket client, CancellationToken ct)
    {
        var buffer = new byte[HeadBytesMax];
        var filled = 0;
        while (filled < buffer.Length)
        {
            var count = await client.ReceiveAsync(buffer.AsMemory(filled), ct);
            if (count == 0) return (null, []);
            filled += count;
            var end = buffer.AsSpan(0, filled).IndexOf("\r\n\r\n"u8);
            if (end >= 0) return (Encoding.Latin1.GetString(buffer, 0, end), buffer[(end + 4)..filled]);
        }
        return (null, []);
    }

    private async Task Relay(Socket from, Socket to)
    {
        var buffer = ArrayPool<byte>.Shared.Rent(32 * 1024);
        try
        {
            for (var count = await from.ReceiveAsync(buffer, over.Token); count > 0; count = await from.ReceiveAsync(buffer, over.Token)) await Send(to, buffer.AsMemory(0, count));
            to.Shutdown(SocketShutdown.Send);
        }
        catch (SocketException)
        {
            from.Dispose(); // Half of it is broken: the other half has nobody to speak to.
            to.Dispose();
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    private async Task Send(Socket to, ReadOnlyMemory<byte> bytes)
    {
        while (bytes.Length > 0) bytes = bytes[await to.SendAsync(bytes, over.Token)..];
    }

    private Task Answer(Socket client, string status, string text) =>
        Send(client, Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"HTTP/1.1 {status}\r\nContent-Type: text/plain\r\nContent-Length: {Encoding.UTF8.GetByteCount(text)}\r\nConnection: close\r\n\r\n{text}")));
}
