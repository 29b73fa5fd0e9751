using System.Buffers;
using System.Text;

namespace AgentPlatform.ToolGateway.Sandbox;

/// <summary>Keeps the first bytes of a stream, counts all, and hands out lines as they come.</summary>
internal sealed class OutputCapture(bool isError, int bytesKept, Action<OutputLine>? onLine)
{
    private const int LineBytesMax = 8 * 1024;
    private readonly ArrayBufferWriter<byte> kept = new();
    private readonly ArrayBufferWriter<byte> line = new();

    public long Seen { get; private set; }

    public void Take(ReadOnlySpan<byte> bytes)
    {
        Seen += bytes.Length;
        kept.Write(bytes[..Math.Min(bytes.Length, bytesKept - kept.WrittenCount)]);
        if (onLine is null) return;
        foreach (var value in bytes)
        {
            if (value == (byte)'\n') TellLine();
            else if (line.WrittenCount < LineBytesMax) line.Write([value]); // What is longer is in the captured text.
        }
    }

    public CapturedOutput Finish()
    {
        if (line.WrittenCount > 0) TellLine();
        var truncated = Seen > kept.WrittenCount;
        var text = Text(kept);
        return new(truncated ? $"{text}\n[… {Seen - kept.WrittenCount} more bytes were dropped …]" : text, Seen, truncated);
    }

    private void TellLine()
    {
        onLine?.Invoke(new(isError, Text(line).TrimEnd('\r')));
        line.ResetWrittenCount();
    }

    private static string Text(ArrayBufferWriter<byte> bytes) => Encoding.UTF8.GetString(bytes.WrittenSpan);
}
