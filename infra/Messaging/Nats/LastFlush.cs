using System.Runtime.CompilerServices;
using NATS.Client;

namespace AgentPlatform.Messaging;

/// <summary>Keeps a connection that broke with something still to say from taking the whole process with it.</summary>
/// <remarks>
/// When the library's reading thread finds the connection broken, it closes it on the spot, and closing flushes what is left in the write buffer: the broken
/// socket refuses, nothing catches that, and an exception that leaves a thread ends the process. The library offers no hook there, so its write buffer is wrapped,
/// and the wrapping does not mind when its end goes wrong. What could not be written is lost with the connection either way.
/// </remarks>
internal sealed class LastFlush(Stream buffer) : Stream
{
    public override bool CanRead => false;

    public override bool CanSeek => false;

    public override bool CanWrite => buffer.CanWrite;

    public override long Length => buffer.Length;

    public override long Position
    {
        get => buffer.Position;
        set => buffer.Position = value;
    }

    /// <summary>Wraps the write buffer of a connection that was just made.</summary>
    public static void MayFail(IConnection connection)
    {
        if (connection is Connection known)
        {
            // The library writes under this lock.
            lock (Gate(known))
            {
                ref var buffer = ref Buffer(known);
                buffer = new LastFlush(buffer);
            }
        }
    }

    /// <summary>The lock under which the library writes and closes.</summary>
    [UnsafeAccessor(UnsafeAccessorKind.Field, Name = "mu")]
    internal static extern ref object Gate(Connection connection);

    public override void Flush() => buffer.Flush();

    public override void Write(byte[] bytes, int offset, int count) => buffer.Write(bytes, offset, count);

    public override int Read(byte[] bytes, int offset, int count) => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        try
        {
            buffer.Dispose();
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException)
        {
            // The other end is gone; whoever wrote this learns it from the loss of the connection.
        }

        base.Dispose(disposing);
    }

    [UnsafeAccessor(UnsafeAccessorKind.Field, Name = "bw")]
    private static extern ref Stream Buffer(Connection connection);
}
