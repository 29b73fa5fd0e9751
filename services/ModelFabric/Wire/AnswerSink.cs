using System.Buffers;
using System.Security.Cryptography;
using System.Text.Json;
using AgentPlatform.ModelFabric.Calls;
using AgentPlatform.ModelFabric.Exchange;

namespace AgentPlatform.ModelFabric.Wire;

/// <summary>
/// Where a provider puts its answer: either <see cref="Whole"/> once, or <see cref="BeginStream"/> and events after it.
/// The sink hashes, times and reads along; a provider cannot answer past the call's record. After <see cref="Translate"/> it
/// takes another format than the caller's and puts the caller's together.
/// </summary>
public sealed class AnswerSink : IDisposable
{
    public const string EventStream = "text/event-stream; charset=utf-8";
    private const int Undecided = 0;
    private const int Begun = 1;
    private const int GivenUp = 2;
    private readonly IncrementalHash _hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    private readonly EventBytes _events = new();
    private readonly HttpResponse _response;
    private readonly WireFormat _format;
    private readonly TimeProvider _time;
    private readonly long _startedAt;
    private readonly AnswerObserver _observer;
    private (AnswerReader From, AnswerWriter To)? _translation;
    private bool _hasBytes;
    private ArrayBufferWriter<byte>? _kept;
    private int _keptMax;
    private int _fate;
    private AnswerRace? _race;
    private readonly List<(string Name, string Value)> _headers = [];

    public AnswerSink(HttpResponse response, WireFormat format, TimeProvider time, long startedAt)
    {
        (_response, _format, _time, _startedAt) = (response, format, time, startedAt);
        _observer = format.Observe(Observed);
    }

    public AnswerNotes Observed { get; } = new();

    /// <summary>The complete answer of a call that does not stream; the endpoint sends it once it is recorded.</summary>
    public ReadOnlyMemory<byte>? Answer { get; private set; }

    /// <summary>Of a whole answer.</summary>
    public string ContentType { get; set; } = "application/json";

    public bool Streaming { get; private set; }
    public double? FirstTokenMilliseconds { get; private set; }

    /// <summary>The last byte went out; nothing may follow.</summary>
    public bool StreamEnded { get; private set; }

    public bool Translates => _translation is not null;

    /// <summary>The provider has said that its stream is complete.</summary>
    public bool ProviderEnded => _translation?.From.Ended ?? _observer.Ended;

    public string? Sha256 => _hasBytes ? Convert.ToHexStringLower(_hash.GetCurrentHash()) : null;

    /// <summary>The answer as it went to the caller, where <see cref="Keep"/> asked for it and it was not too long.</summary>
    public ReadOnlyMemory<byte>? Kept => _kept is { WrittenCount: > 0 } kept ? kept.WrittenMemory : null;

    /// <summary>From here on what goes to the caller is kept too, unless it exceeds this.</summary>
    public void Keep(int bytesMax) => (_kept, _keptMax) = (new ArrayBufferWriter<byte>(), bytesMax);

    /// <summary>Nobody waits for this answer any more, because another candidate is asked; false when it has begun.</summary>
    public bool GiveUp() => Interlocked.CompareExchange(ref _fate, GivenUp, Undecided) == Undecided;

    /// <summary>Another answer is on its way to the same caller; only the first that begins is heard.</summary>
    public void Enter(AnswerRace race) => _race = race;

    /// <summary>The caller is told which model this is, if this one is heard.</summary>
    public void Names(string model) => _headers.Add((CallHeaders.Model, model));

    /// <summary>Tells the caller what belongs to this answer and to no other that was tried.</summary>
    public void TellHeaders()
    {
        foreach (var (name, value) in _headers)
        {
            _response.Headers[name] = value;
        }
        _headers.Clear();
    }

    /// <summary>From here on the provider speaks another format than the caller.</summary>
    /// <param name="from">Takes its answer apart.</param>
    /// <param name="to">Puts the caller's together.</param>
    /// <param name="leftBehind">The hints of the request that the provider has not seen; the caller is told their names.</param>
    public void Translate(AnswerReader from, AnswerWriter to, IReadOnlyList<string> leftBehind)
    {
        _translation = (from, to);
        if (leftBehind.Count > 0)
        {
            _headers.Add((CallHeaders.NotCarried, string.Join(", ", leftBehind)));
        }
    }

    /// <exception cref="JsonException">The bytes are no answer.</exception>
    public void Whole(ReadOnlyMemory<byte> json)
    {
        Begin();
        var answer = json;
        if (_translation is { } between)
        {
            AnswerEvent[] events = [.. between.From.Whole(json)];
            foreach (var one in events)
            {
                Observed.Take(one);
            }
            answer = between.To.Whole(AnswerDraft.Of(events), Observed);
        }
        else
        {
            _observer.Read(json);
        }
        NoteFirstToken();
        Hash(answer.Span);
        Answer = answer;
    }

    public async ValueTask BeginStream(CancellationToken ct)
    {
        Begin();
        Streaming = true;
        _response.StatusCode = StatusCodes.Status200OK;
        _response.ContentType = EventStream;
        _response.Headers.CacheControl = "no-cache";
        _response.Headers["X-Accel-Buffering"] = "no";
        await _response.StartAsync(ct);
    }

    /// <summary>Reads one event's data. What a translation makes of it waits for <see cref="Flush"/>; without one nothing is written.</summary>
    /// <exception cref="JsonException">The data is no event.</exception>
    public void Take(ReadOnlyMemory<byte> data)
    {
        if (_translation is not { } between)
        {
            if (!_observer.Mark(data.Span.Trim(" \t\r"u8)))
            {
                _observer.Read(data);
                NoteFirstToken();
            }
            return;
        }
        if (between.From.Mark(data.Span.Trim(" \t\r"u8)))
        {
            return;
        }
        foreach (var one in between.From.Chunk(data))
        {
            Observed.Take(one);
            between.To.Write(one, _events);
        }
        NoteFirstToken();
    }

    /// <summary>Sends what a translation has put together.</summary>
    public async ValueTask Flush(CancellationToken ct)
    {
        if (_events.Written.Length > 0)
        {
            if (!Streaming)
            {
                await BeginStream(ct);
            }
            await Pass(new ReadOnlySequence<byte>(_events.Written), ct);
            _events.Clear();
        }
    }

    /// <summary>Sends bytes as they are; the caller has read along and vouches that they end with a complete line.</summary>
    public async ValueTask Pass(ReadOnlySequence<byte> lines, CancellationToken ct)
    {
        foreach (var segment in lines)
        {
            Hash(segment.Span);
            _response.BodyWriter.Write(segment.Span);
        }
        var flushed = await _response.BodyWriter.FlushAsync(ct);
        if (flushed.IsCompleted)
        {
            throw new OperationCanceledException("The client is gone.", ct);
        }
    }

    /// <summary>Sends one chunk as one event.</summary>
    public async ValueTask Send(ReadOnlyMemory<byte> json, CancellationToken ct)
    {
        Take(json);
        if (!Translates)
        {
            _events.Add(name: null, json.Span);
        }
        await Flush(ct);
    }

    /// <summary>The mark the caller's format ends with, and before it what a translation kept back.</summary>
    public async ValueTask EndStream(CancellationToken ct)
    {
        _translation?.To.Close(Observed, _events);
        await Flush(ct);
        StreamEnded = true;
        if (_translation is null && _format.StreamEnd is { Length: > 0 } end)
        {
            await Pass(new ReadOnlySequence<byte>(end), ct);
        }
    }

    /// <summary>A stream that began well cannot change its status any more: the error is its last event, and no end mark follows.</summary>
    public async ValueTask FailStream(ModelCallException failure, CancellationToken ct)
    {
        StreamEnded = true;
        // An empty line first: the provider may have stopped between the lines of one event.
        await Pass(new ReadOnlySequence<byte>("\n"u8.ToArray()), ct);
        await Pass(new ReadOnlySequence<byte>(_format.StreamError(failure)), ct);
    }

    public void PassedEnd() => StreamEnded = true;

    public void NoteFirstToken() => FirstTokenMilliseconds ??= _time.GetElapsedTime(_startedAt).TotalMilliseconds;

    public void Dispose() => _hash.Dispose();

    private void Begin()
    {
        if (Interlocked.CompareExchange(ref _fate, Begun, Undecided) == GivenUp)
        {
            throw new OperationCanceledException("Another candidate is asked.");
        }
        if (_race?.Begins(this) == false)
        {
            throw new ModelCallException(StatusCodes.Status499ClientClosedRequest, new CallError("Another candidate answered first.", "api_error", null, Routing.HedgeCandidates.Overtaken));
        }
        TellHeaders();
    }

    private void Hash(ReadOnlySpan<byte> bytes)
    {
        _hash.AppendData(bytes);
        _hasBytes = true;
        if (_kept is not null && (_kept.WrittenCount + bytes.Length > _keptMax))
        {
            // A piece of an answer would pass for the whole of it.
            _kept = null;
        }
        _kept?.Write(bytes);
    }
}
