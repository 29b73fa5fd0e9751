using System.Buffers;
using System.Security.Cryptography;

namespace AgentPlatform.ModelFabric.Chat;

/// <summary>
/// Where a provider puts its answer: either <see cref="Whole"/> once, or <see cref="BeginStream"/> and lines after it.
/// The sink hashes, times and reads along; a provider cannot answer past the call's record.
/// </summary>
public sealed class AnswerSink(HttpResponse response, TimeProvider time, long startedAt) : IDisposable
{
    private readonly IncrementalHash _hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    private bool _hasBytes;

    public AnswerObserver Observed { get; } = new();

    /// <summary>The complete answer of a call that does not stream; the endpoint sends it once it is recorded.</summary>
    public ReadOnlyMemory<byte>? Answer { get; private set; }

    public bool Streaming { get; private set; }
    public double? FirstTokenMilliseconds { get; private set; }

    /// <summary>The last byte went out; nothing may follow.</summary>
    public bool StreamEnded { get; private set; }

    public string? Sha256 => _hasBytes ? Convert.ToHexStringLower(_hash.GetCurrentHash()) : null;

    /// <exception cref="System.Text.Json.JsonException">The bytes are no JSON object.</exception>
    public void Whole(ReadOnlyMemory<byte> json)
    {
        Observed.Read(json);
        NoteFirstToken();
        Hash(json.Span);
        Answer = json;
    }

    public async ValueTask BeginStream(CancellationToken ct)
    {
        Streaming = true;
        response.StatusCode = StatusCodes.Status200OK;
        response.ContentType = "text/event-stream; charset=utf-8";
        response.Headers.CacheControl = "no-cache";
        response.Headers["X-Accel-Buffering"] = "no";
        await response.StartAsync(ct);
    }

    /// <summary>Sends bytes as they are; the caller has read along and vouches that they end with a complete line.</summary>
    public async ValueTask Pass(ReadOnlySequence<byte> lines, CancellationToken ct)
    {
        foreach (var segment in lines)
        {
            Hash(segment.Span);
            response.BodyWriter.Write(segment.Span);
        }
        var flushed = await response.BodyWriter.FlushAsync(ct);
        if (flushed.IsCompleted)
        {
            throw new OperationCanceledException("The client is gone.", ct);
        }
    }

    /// <summary>Sends one chunk as one event.</summary>
    public ValueTask Send(ReadOnlyMemory<byte> json, CancellationToken ct)
    {
        Observed.Read(json);
        NoteFirstToken();
        return Pass(Event(json), ct);
    }

    /// <summary>The mark every OpenAI client waits for.</summary>
    public ValueTask EndStream(CancellationToken ct)
    {
        StreamEnded = true;
        return Pass(Event("[DONE]"u8.ToArray()), ct);
    }

    /// <summary>A stream that began well cannot change its status any more: the error is its last event, and no [DONE] follows.</summary>
    public async ValueTask FailStream(OpenAiError error, CancellationToken ct)
    {
        StreamEnded = true;
        // An empty line first: the provider may have stopped between the lines of one event.
        await Pass(new ReadOnlySequence<byte>("\n"u8.ToArray()), ct);
        await Pass(Event(error.ToJson()), ct);
    }

    public void PassedEnd() => StreamEnded = true;

    public void NoteFirstToken() => FirstTokenMilliseconds ??= time.GetElapsedTime(startedAt).TotalMilliseconds;

    public void Dispose() => _hash.Dispose();

    private static ReadOnlySequence<byte> Event(ReadOnlyMemory<byte> data)
    {
        var bytes = new byte["data: "u8.Length + data.Length + "\n\n"u8.Length];
        "data: "u8.CopyTo(bytes);
        data.Span.CopyTo(bytes.AsSpan("data: "u8.Length));
        "\n\n"u8.CopyTo(bytes.AsSpan(bytes.Length - 2));
        return new ReadOnlySequence<byte>(bytes);
    }

    private void Hash(ReadOnlySpan<byte> bytes)
    {
        _hash.AppendData(bytes);
        _hasBytes = true;
    }
}
