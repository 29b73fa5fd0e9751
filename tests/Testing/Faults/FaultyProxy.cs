using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;

namespace AgentPlatform.Testing.Faults;

/// <summary>Stands between a client and a server on loopback, and cuts, delays, repeats and reorders what passes. Its end is the end of a process, as the server sees it.</summary>
public sealed class FaultyProxy : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly ConcurrentDictionary<Socket, bool> _sockets = new();
    private readonly CancellationTokenSource _stop = new();
    private readonly Func<IFrames> _frames;
    private readonly Func<CancellationToken, Task<Socket>> _dial;
    private readonly Task _accepting;
    private int _connections;
    private volatile FaultPlan _plan;
    private volatile bool _isDead;
    private volatile bool _isFrozen;

    private FaultyProxy(Func<CancellationToken, Task<Socket>> dial, Func<IFrames> frames, FaultPlan plan)
    {
        (_dial, _frames, _plan) = (dial, frames, plan);
        _listener.Start();
        _accepting = Accept();
    }

    public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    /// <summary>Connections so far.</summary>
    public int Connections => Volatile.Read(ref _connections);

    public static FaultyProxy ForNats(int target, FaultPlan? plan = null) => new(ct => Loopback(target, ct), () => new NatsFrames(), plan ?? FaultPlan.None);

    public static FaultyProxy ForBytes(int target, FaultPlan? plan = null) => new(ct => Loopback(target, ct), () => new RawFrames(), plan ?? FaultPlan.None);

    /// <summary>To a server that is elsewhere than on this machine's loopback.</summary>
    public static FaultyProxy To(Func<CancellationToken, Task<Socket>> dial) => new(dial, () => new RawFrames(), FaultPlan.None);

    /// <summary>From the next piece on.</summary>
    public void Follow(FaultPlan plan) => _plan = plan;

    /// <summary>Resets every connection; new ones are let through.</summary>
    public void Cut()
    {
        foreach (var (socket, _) in _sockets)
        {
            Reset(socket);
        }
    }

    /// <summary>Resets every connection and lets no other through: the client behind this proxy is dead to the server.</summary>
    public void Die()
    {
        _isDead = true;
        Cut();
    }

    /// <summary>Lets nothing more pass and keeps every connection, as a network does that drops what it is given.</summary>
    public void Freeze() => _isFrozen = true;

    public async ValueTask DisposeAsync()
    {
        Die();
        await _stop.CancelAsync();
        _listener.Stop();
        await _accepting;
        _stop.Dispose();
    }

    private async Task Accept()
    {
        while (true)
        {
            Socket client;
            try
            {
                client = await _listener.AcceptSocketAsync(_stop.Token);
            }
            catch (Exception e) when (e is OperationCanceledException or ObjectDisposedException or SocketException or InvalidOperationException)
            {
                return;
            }

            _ = Join(client, Interlocked.Increment(ref _connections));
        }
    }

    private async Task Join(Socket client, int connection)
    {
        using var _ = client;
        client.NoDelay = true;
        _sockets[client] = true;
        Socket? server = null;
        try
        {
            if (!_isDead)
            {
                server = await _dial(_stop.Token);
                server.NoDelay = true;
                _sockets[server] = true;
                await Task.WhenAny(Pump(client, server, connection * 2), Pump(server, client, (connection * 2) + 1));
            }
        }
        catch (Exception e) when (e is SocketException or OperationCanceledException)
        {
            // The server is away; the client finds out as it would without us.
        }
        finally
        {
            Reset(client);
            _sockets.TryRemove(client, out var _);
            if (server is not null)
            {
                Reset(server);
                _sockets.TryRemove(server, out var _);
            }
        }
    }

    private static async Task<Socket> Loopback(int port, CancellationToken ct)
    {
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
        try
        {
            await socket.ConnectAsync(IPAddress.Loopback, port, ct);
            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    private async Task Pump(Socket from, Socket to, int stream)
    {
        var (frames, chance, buffer) = (_frames(), new Random(HashCode.Combine(_plan.Seed, stream)), new byte[64 * 1024]);
        try
        {
            while (await from.ReceiveAsync(buffer) is var read and > 0)
            {
                var arrived = frames.Add(buffer.AsMemory(0, read)).ToList();
                if (_isDead)
                {
                    return;
                }

                if (_isFrozen)
                {
                    await Task.Delay(Timeout.Infinite, _stop.Token);
                }

                Shuffle(arrived, _plan, chance);
                foreach (var frame in arrived)
                {
                    var plan = _plan;
                    if (chance.NextDouble() < plan.Cut)
                    {
                        return;
                    }

                    if (chance.NextDouble() < plan.Delay)
                    {
                        await Task.Delay(plan.DelayMax * chance.NextDouble());
                    }

                    await Send(to, frame.Bytes);
                    if (frame.IsMessage && chance.NextDouble() < plan.Repeat)
                    {
                        await Send(to, frame.Bytes);
                    }
                }
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException or OperationCanceledException)
        {
            // One side is gone, or we cut it; the other side hears of it from Join.
        }
    }

    // Only messages that lie next to each other, with nothing between them that steers the connection.
    private static void Shuffle(List<Frame> frames, FaultPlan plan, Random chance)
    {
        for (var i = 0; i + 1 < frames.Count; i++)
        {
            if (frames[i].IsMessage && frames[i + 1].IsMessage && chance.NextDouble() < plan.Swap)
            {
                (frames[i], frames[i + 1]) = (frames[i + 1], frames[i]);
            }
        }
    }

    private static async Task Send(Socket to, ReadOnlyMemory<byte> bytes)
    {
        while (bytes.Length > 0)
        {
            bytes = bytes[await to.SendAsync(bytes)..];
        }
    }

    private static void Reset(Socket socket)
    {
        try
        {
            socket.LingerState = new LingerOption(enable: true, seconds: 0);
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // Closed already.
        }

        socket.Dispose();
    }
}
