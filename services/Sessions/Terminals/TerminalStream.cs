using System.Runtime.CompilerServices;
using System.Threading.Channels;

namespace AgentPlatform.Sessions.Terminals;

/// <summary>What a subscriber sees.</summary>
public abstract record TerminalFrame
{
    private TerminalFrame() { }

    public sealed record Output(long Seq, ReadOnlyMemory<byte> Bytes) : TerminalFrame;

    /// <summary>The pieces asked for are no longer in the scrollback; the recording has them.</summary>
    public sealed record Skipped(long From, long To) : TerminalFrame;

    public sealed record Resized(int Columns, int Rows) : TerminalFrame;

    /// <summary>The program ended; nothing follows.</summary>
    public sealed record Ended(int ExitCode) : TerminalFrame;

    /// <summary>This subscriber read too slowly and is cut off; it may come back with <c>after</c> set to the last number it saw.</summary>
    public sealed record CutOff(string Reason) : TerminalFrame;
}

/// <summary>
/// One terminal's output for many. A subscriber gets the backlog and then what is new, each piece once and in order,
/// because both are decided under one lock. Nobody waits for a subscriber: one that falls behind is cut off and told.
/// </summary>
public sealed class TerminalStream(TerminalOptions options)
{
    private readonly Lock _gate = new();
    private readonly Scrollback _scrollback = new(options.ScrollbackBytesMax, options.ScrollbackChunksMax);
    private readonly List<Subscriber> _subscribers = [];
    private TerminalFrame.Ended? _ended;

    public long LastSeq
    {
        get
        {
            lock (_gate)
            {
                return _scrollback.LastSeq;
            }
        }
    }

    /// <summary>Subscribes now, so that nothing that follows is missed; the frames come when they are enumerated.</summary>
    /// <param name="after">The number of the last piece known; 0 for all that is still there.</param>
    /// <param name="ct">Ends the enumeration.</param>
    /// <param name="isViewer">Counts against the bound; false for the service's own feed.</param>
    public IAsyncEnumerable<TerminalFrame> Subscribe(long after, CancellationToken ct, bool isViewer = true)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(after);
        lock (_gate)
        {
            if (isViewer && _subscribers.Count(subscriber => subscriber.IsViewer) >= options.SubscribersMax)
            {
                throw new TerminalException($"The terminal has {options.SubscribersMax} viewers already (Sessions:Terminal:SubscribersMax).");
            }
            List<TerminalFrame> backlog = [];
            if (after < _scrollback.FirstSeq - 1)
            {
                backlog.Add(new TerminalFrame.Skipped(after + 1, _scrollback.FirstSeq - 1));
            }
            backlog.AddRange(_scrollback.After(after).Select(chunk => new TerminalFrame.Output(chunk.Seq, chunk.Bytes)));
            if (_ended is not null)
            {
                backlog.Add(_ended);
                return Enumerate(backlog, subscriber: null, ct);
            }
            var subscriber = new Subscriber(options.SubscriberChunksMax, isViewer);
            _subscribers.Add(subscriber);
            return Enumerate(backlog, subscriber, ct);
        }
    }

    public void Output(ReadOnlyMemory<byte> bytes)
    {
        lock (_gate)
        {
            var chunk = _scrollback.Add(bytes);
            Publish(new TerminalFrame.Output(chunk.Seq, chunk.Bytes));
        }
    }

    public void Resized(int columns, int rows)
    {
        lock (_gate)
        {
            Publish(new TerminalFrame.Resized(columns, rows));
        }
    }

    public void End(int exitCode)
    {
        lock (_gate)
        {
            _ended = new TerminalFrame.Ended(exitCode);
            Publish(_ended);
            foreach (var subscriber in _subscribers)
            {
                subscriber.Frames.Writer.TryComplete();
            }
            _subscribers.Clear();
        }
    }

    private void Publish(TerminalFrame frame)
    {
        _subscribers.RemoveAll(subscriber =>
        {
            if (subscriber.Frames.Writer.TryWrite(frame))
            {
                return false;
            }
            subscriber.CutOff = new TerminalFrame.CutOff(
                $"fell more than {options.SubscriberChunksMax} pieces behind; come back with after=SEQ of the last piece seen (Sessions:Terminal:SubscriberChunksMax)");
            subscriber.Frames.Writer.TryComplete();
            return true;
        });
    }

    private async IAsyncEnumerable<TerminalFrame> Enumerate(List<TerminalFrame> backlog, Subscriber? subscriber, [EnumeratorCancellation] CancellationToken ct)
    {
        try
        {
            foreach (var frame in backlog)
            {
                ct.ThrowIfCancellationRequested();
                yield return frame;
            }
            if (subscriber is null)
            {
                yield break;
            }
            await foreach (var frame in subscriber.Frames.Reader.ReadAllAsync(ct))
            {
                yield return frame;
            }
            if (subscriber.CutOff is { } reason)
            {
                yield return reason;
            }
        }
        finally
        {
            if (subscriber is not null)
            {
                lock (_gate)
                {
                    _subscribers.Remove(subscriber);
                }
            }
        }
    }

    private sealed class Subscriber(int framesMax, bool isViewer)
    {
        public bool IsViewer => isViewer;

        public Channel<TerminalFrame> Frames { get; } = Channel.CreateBounded<TerminalFrame>(
            new BoundedChannelOptions(framesMax) { FullMode = BoundedChannelFullMode.Wait, SingleReader = true, SingleWriter = true });

        public TerminalFrame.CutOff? CutOff { get; set; }
    }
}
