namespace AgentPlatform.Sessions.Terminals;

/// <summary>A piece of output. Numbers start at 1 and have no holes.</summary>
public sealed record TerminalChunk(long Seq, ReadOnlyMemory<byte> Bytes);

/// <summary>The latest output, bounded in bytes and pieces; the oldest goes first. Not thread-safe: its stream guards it.</summary>
public sealed class Scrollback(int bytesMax, int chunksMax)
{
    private readonly Queue<TerminalChunk> _chunks = new();
    private long _bytes;

    public long LastSeq { get; private set; }

    /// <summary>The oldest piece still here; one past the last when there is none.</summary>
    public long FirstSeq => LastSeq - _chunks.Count + 1;

    public TerminalChunk Add(ReadOnlyMemory<byte> bytes)
    {
        var chunk = new TerminalChunk(++LastSeq, bytes);
        _chunks.Enqueue(chunk);
        _bytes += bytes.Length;
        while ((_bytes > bytesMax || _chunks.Count > chunksMax) && _chunks.Count > 1)
        {
            _bytes -= _chunks.Dequeue().Bytes.Length;
        }
        return chunk;
    }

    public TerminalChunk[] After(long seq) => [.. _chunks.Where(chunk => chunk.Seq > seq)];
}
