using System.Text;

namespace AgentPlatform.Testing.Faults;

/// <summary>A piece of a byte stream that may not be torn apart.</summary>
/// <param name="Bytes">All of it.</param>
/// <param name="IsMessage">Whether it may be repeated and overtaken: a delivery or a publish, nothing that steers the connection.</param>
public sealed record Frame(byte[] Bytes, bool IsMessage);

/// <summary>Cuts what was read into frames, and keeps what is not whole yet.</summary>
public interface IFrames
{
    IEnumerable<Frame> Add(ReadOnlyMemory<byte> read);
}

/// <summary>No protocol known: what was read at once.</summary>
public sealed class RawFrames : IFrames
{
    public IEnumerable<Frame> Add(ReadOnlyMemory<byte> read) => [new Frame(read.ToArray(), IsMessage: false)];
}

/// <summary>NATS: a line, and behind MSG, HMSG, PUB and HPUB a payload of as many bytes as the line's last word says.</summary>
/// <remarks>https://docs.nats.io/reference/reference-protocols/nats-protocol</remarks>
public sealed class NatsFrames : IFrames
{
    private static readonly string[] WithPayload = ["MSG ", "HMSG ", "PUB ", "HPUB "];
    private byte[] _rest = [];

    public IEnumerable<Frame> Add(ReadOnlyMemory<byte> read)
    {
        _rest = [.. _rest, .. read.Span];
        var frames = new List<Frame>();
        var at = 0;
        while (Next(_rest.AsSpan(at)) is { } frame)
        {
            frames.Add(frame);
            at += frame.Bytes.Length;
        }

        _rest = _rest[at..];
        return frames;
    }

    private static Frame? Next(ReadOnlySpan<byte> bytes)
    {
        var end = bytes.IndexOf("\r\n"u8);
        if (end < 0)
        {
            return null;
        }

        var line = Encoding.ASCII.GetString(bytes[..end]);
        if (!WithPayload.Any(word => line.StartsWith(word, StringComparison.OrdinalIgnoreCase)))
        {
            return new Frame(bytes[..(end + 2)].ToArray(), IsMessage: false);
        }

        var whole = end + 2 + int.Parse(line.AsSpan(line.LastIndexOf(' ') + 1)) + 2;
        return bytes.Length < whole ? null : new Frame(bytes[..whole].ToArray(), IsMessage: true);
    }
}
