using System.Net.Sockets;
using System.Runtime.CompilerServices;
using NATS.Client;

namespace AgentPlatform.Messaging;

/// <summary>Takes what the client library writes without ever waiting for the network, and brings it there on a thread of its own.</summary>
/// <remarks>
/// <para>The library writes to the socket while it holds the lock that its reading thread needs for every message. When both directions are full, the writer waits for the
/// server to read, the server for us to read, and our reader for the writer: for ever, and closing needs the same lock. Seen under load. So its write buffer is
/// replaced by this one, which only copies. What is written is sent at once, so the library's timer of 1 ms is out of the way, too.</para>
/// <para>The library also flushes a broken connection when it closes it, on a thread where nothing catches the refusal, which ends the process. Here nothing refuses
/// then: what could not be written is lost with the connection either way.</para>
/// </remarks>
internal sealed class WriteBehind : Stream
{
    private const int KeptMax = 1 << 20;
    private readonly Stream _network;
    private readonly long _bytesMax;
    private readonly object _gate = new();
    private byte[] _filling = new byte[64 * 1024];
    private int _filled;
    private Exception? _broken;
    private bool _closed;

    private WriteBehind(Stream network, long bytesMax)
    {
        (_network, _bytesMax) = (network, bytesMax);
        new Thread(Send) { IsBackground = true, Name = "nats-write" }.Start();
    }

    public override bool CanRead => false;

    public override bool CanSeek => false;

    public override bool CanWrite => true;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    /// <summary>Puts itself in the place of the write buffer of a connection that was just made.</summary>
    /// <param name="connection">The connection; another implementation than the library's is left alone.</param>
    /// <param name="bytesMax">How much may wait for the network; beyond it the server counts as gone.</param>
    public static void Under(IConnection connection, long bytesMax)
    {
        if (connection is Connection known)
        {
            // The library writes under this lock.
            lock (Gate(known))
            {
                ref var buffer = ref Buffer(known);
                buffer.Flush();
                if (buffer is BufferedStream { UnderlyingStream: NetworkStream network })
                {
                    // Else the second of two small messages waits for the server's delayed acknowledgement of the first: 40 ms.
                    network.Socket.NoDelay = true;
                }

                buffer = new WriteBehind(buffer, bytesMax);
            }
        }
    }

    /// <summary>Lets the thread of a closed connection go; the library itself does not.</summary>
    /// <param name="connection">The connection.</param>
    public static void Over(IConnection connection)
    {
        if (connection is Connection known)
        {
            Stream buffer;
            lock (Gate(known))
            {
                buffer = Buffer(known);
            }

            (buffer as WriteBehind)?.Dispose();
        }
    }

    /// <summary>The lock under which the library writes, reads and closes.</summary>
    [UnsafeAccessor(UnsafeAccessorKind.Field, Name = "mu")]
    internal static extern ref object Gate(Connection connection);

    /// <summary>Copies; throws when an earlier write did not reach the network.</summary>
    public override void Write(byte[] bytes, int offset, int count)
    {
        lock (_gate)
        {
            if (_broken is null && _filled + (long)count > _bytesMax)
            {
                // The library has begun to write a message and cannot take it back: this connection is of no use any more.
                _broken = new IOException($"the server did not take {_filled:N0} bytes (Messaging:UnsentBytesMax is {_bytesMax:N0})");
            }

            if (_broken is not null || _closed)
            {
                throw new IOException(_broken?.Message ?? "the connection is closed", _broken);
            }

            if (_filled + count > _filling.Length)
            {
                Array.Resize(ref _filling, Math.Max(_filling.Length * 2, _filled + count));
            }

            bytes.AsSpan(offset, count).CopyTo(_filling.AsSpan(_filled));
            _filled += count;
            Monitor.Pulse(_gate);
        }
    }

    /// <summary>Does nothing: everything is on its way.</summary>
    public override void Flush()
    {
    }

    public override int Read(byte[] bytes, int offset, int count) => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        lock (_gate)
        {
            _closed = true;
            Monitor.Pulse(_gate);
        }

        base.Dispose(disposing);
    }

    private void Send()
    {
        var sending = new byte[_filling.Length];
        try
        {
            while (Take(ref sending) is >= 0 and var count)
            {
                _network.Write(sending, 0, count);
                _network.Flush();
                if (sending.Length > KeptMax)
                {
                    sending = new byte[KeptMax];
                }
            }
        }
        catch (Exception e)
        {
            // A closed stream refuses in several ways. Whoever writes next learns it, and the connection's owner by its heartbeat; nobody else is above us on this thread.
            lock (_gate)
            {
                _broken = e;
            }
        }
    }

    /// <summary>Swaps the buffers; -1 when it is closed and everything was sent.</summary>
    private int Take(ref byte[] sending)
    {
        lock (_gate)
        {
            while (_filled == 0 && !_closed)
            {
                Monitor.Wait(_gate);
            }

            if (_filled == 0)
            {
                return -1;
            }

            (sending, _filling) = (_filling, sending);
            (var count, _filled) = (_filled, 0);
            return count;
        }
    }

    [UnsafeAccessor(UnsafeAccessorKind.Field, Name = "bw")]
    private static extern ref Stream Buffer(Connection connection);
}
