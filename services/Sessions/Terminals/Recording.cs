using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace AgentPlatform.Sessions.Terminals;

/// <summary>
/// An asciicast v2 file: a header line, then one line per event. Output and sizes only: what a human types may be a password
/// that the terminal does not echo, and then the recording must not know it either.
/// </summary>
public sealed class Recording : IDisposable
{
    private static readonly JsonSerializerOptions Json = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };
    private readonly Decoder _utf8 = Encoding.UTF8.GetDecoder();
    private readonly Lock _gate = new();
    private readonly FileStream _file;
    private readonly TimeProvider _time;
    private readonly long _started;
    private readonly long _bytesMax;
    private bool _stopped;

    public Recording(string path, int columns, int rows, long bytesMax, TimeProvider time)
    {
        (_time, _started, _bytesMax) = (time, time.GetTimestamp(), bytesMax);
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write, Share = FileShare.Read, BufferSize = 0 };
        if (!OperatingSystem.IsWindows())
        {
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        }
        _file = new FileStream(path, options);
        Line(new { version = 2, width = columns, height = rows, timestamp = time.GetUtcNow().ToUnixTimeSeconds(), env = new { TERM = "xterm-256color" } });
    }

    /// <summary>Why the file ends before the session does; null as long as it does not.</summary>
    public string? StoppedBecause { get; private set; }

    public void Output(ReadOnlySpan<byte> bytes)
    {
        lock (_gate)
        {
            // A character may arrive in two pieces: the decoder keeps its beginning until the rest comes.
            var characters = new char[_utf8.GetCharCount(bytes, flush: false)];
            var count = _utf8.GetChars(bytes, characters, flush: false);
            if (count > 0)
            {
                Event("o", new string(characters, 0, count));
            }
        }
    }

    public void Resized(int columns, int rows)
    {
        lock (_gate)
        {
            Event("r", $"{columns}x{rows}");
        }
    }

    public void Dispose()
    {
        lock (_gate)
        {
            _stopped = true;
            _file.Dispose();
        }
    }

    private void Event(string code, string data)
    {
        if (_stopped)
        {
            return;
        }
        try
        {
            if (_file.Position < _bytesMax)
            {
                Line(new object[] { Elapsed(), code, data });
                return;
            }
            _stopped = true;
            StoppedBecause = $"the recording reached {_bytesMax} bytes (Sessions:Terminal:RecordingBytesMax)";
            Line(new object[] { Elapsed(), "m", StoppedBecause });
        }
        catch (IOException full)
        {
            // The session matters more than its recording, and the recording says that it is not complete.
            _stopped = true;
            StoppedBecause = full.Message;
        }
    }

    private double Elapsed() => Math.Round(_time.GetElapsedTime(_started).TotalSeconds, 6);

    private void Line(object value)
    {
        _file.Write(JsonSerializer.SerializeToUtf8Bytes(value, Json));
        _file.WriteByte((byte)'\n');
    }
}
