using System.Security.Cryptography;

namespace AgentPlatform.ToolGateway.Workspaces;

/// <summary>Counts and hashes what is written, and refuses the byte that goes over the bound. Write-only and forward-only.</summary>
internal sealed class MeasuredStream(Stream inner, string path, long bytesMax) : Stream
{
    private readonly IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    private long bytes;

    public override bool CanRead => false;
    public override bool CanSeek => false;
    public override bool CanWrite => true;
    public override long Length => bytes;

    public override long Position
    {
        get => bytes;
        set => throw new NotSupportedException("A file is written once, from its start.");
    }

    public HashedFile Finish() => new(path, bytes, Convert.ToHexStringLower(hash.GetCurrentHash()));

    public override void Write(ReadOnlySpan<byte> buffer)
    {
        bytes += buffer.Length;
        if (bytes > bytesMax) throw new WorkspaceRefusedException(RefusalKind.TooLarge, $"'{path}' would be larger than {bytesMax} bytes; write less or split it.");
        hash.AppendData(buffer);
        inner.Write(buffer);
    }

    public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));

    public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        Write(buffer.Span);
        return ValueTask.CompletedTask;
    }

    public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        WriteAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override void Flush() => inner.Flush();
    public override Task FlushAsync(CancellationToken cancellationToken) => inner.FlushAsync(cancellationToken);
    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException("Write-only.");
    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException("Forward-only.");
    public override void SetLength(long value) => throw new NotSupportedException("Forward-only.");

    protected override void Dispose(bool disposing)
    {
        if (disposing) hash.Dispose();
        base.Dispose(disposing);
    }
}
