namespace AgentPlatform.ToolGateway.Mcp.Serving;

/// <summary>A response that may turn out to be a refusal when its first message is known: then nothing of it is sent, and the refusal is told as one.</summary>
internal sealed class RefusableBody(Stream inner) : Stream
{
    /// <summary>Why there is no answer.</summary>
    public HttpRefusal? Refusal { get; private set; }

    public override bool CanRead => false;

    public override bool CanSeek => false;

    public override bool CanWrite => true;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    /// <summary>Called with what the first message amounts to, before it is written.</summary>
    public ValueTask Start(HttpRefusal? refusal)
    {
        Refusal = refusal;
        return default;
    }

    public override void Write(byte[] buffer, int offset, int count)
    {
        if (Refusal is null)
        {
            inner.Write(buffer, offset, count);
        }
    }

    public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) => WriteAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default) => Refusal is null ? inner.WriteAsync(buffer, cancellationToken) : default;

    public override void Flush()
    {
    }

    public override Task FlushAsync(CancellationToken cancellationToken) => Refusal is null ? inner.FlushAsync(cancellationToken) : Task.CompletedTask;

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();
}
