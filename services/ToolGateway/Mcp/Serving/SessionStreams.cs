using System.Globalization;
using System.Net.ServerSentEvents;
using System.Runtime.CompilerServices;
using System.Text.Json;
using ModelContextProtocol;
using ModelContextProtocol.Protocol;
using ModelContextProtocol.Server;

namespace AgentPlatform.ToolGateway.Mcp.Serving;

/// <summary>The last events of one session's streams, so that a client whose connection broke goes on after the last it saw.</summary>
internal sealed class SessionStreams(ServingOptions options) : ISseEventStreamStore
{
    private readonly Lock _gate = new();
    private readonly Dictionary<string, Kept> _streams = new(StringComparer.Ordinal);
    private readonly Queue<string> _order = new();
    private long _made;

    /// <summary>The session has ended: readers come to their end.</summary>
    public void Close()
    {
        lock (_gate)
        {
            foreach (var kept in _streams.Values)
            {
                kept.IsDone = true;
                kept.Wake();
            }
        }
    }

    public ValueTask<ISseEventStreamWriter> CreateStreamAsync(SseEventStreamOptions stream, CancellationToken cancellationToken = default)
    {
        lock (_gate)
        {
            var kept = new Kept((++_made).ToString(CultureInfo.InvariantCulture), stream, options, _gate);
            _streams.Add(kept.Key, kept);
            _order.Enqueue(kept.Key);
            while (_order.Count > options.StreamsKeptMax)
            {
                _streams.Remove(_order.Dequeue());
            }

            return ValueTask.FromResult<ISseEventStreamWriter>(kept);
        }
    }

    public ValueTask<ISseEventStreamReader?> GetStreamReaderAsync(string lastEventId, CancellationToken cancellationToken = default)
    {
        lock (_gate)
        {
            return ValueTask.FromResult<ISseEventStreamReader?>(
                lastEventId.Split('-') is [var key, var number] && long.TryParse(number, NumberStyles.None, CultureInfo.InvariantCulture, out var last) && _streams.TryGetValue(key, out var kept)
                && last <= kept.Last && last >= kept.First - 1
                    ? new Reader(kept, last)
                    : null);
        }
    }

    private sealed class Kept(string key, SseEventStreamOptions stream, ServingOptions options, Lock gate) : ISseEventStreamWriter
    {
        private readonly Queue<(SseItem<JsonRpcMessage?> Item, int Bytes)> _items = new();
        private TaskCompletionSource _news = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private long _bytes;

        public string Key { get; } = key;

        public SseEventStreamOptions Stream { get; } = stream;

        /// <summary>Number of the last event.</summary>
        public long Last { get; private set; }

        /// <summary>Number of the oldest one that is kept.</summary>
        public long First => Last - _items.Count + 1;

        public bool IsPolled { get; private set; } = stream.Mode == SseEventStreamMode.Polling;

        public bool IsDone { get; set; }

        public ValueTask SetModeAsync(SseEventStreamMode mode, CancellationToken cancellationToken = default)
        {
            lock (gate)
            {
                IsPolled = mode == SseEventStreamMode.Polling;
                Wake();
            }

            return default;
        }

        public ValueTask<SseItem<JsonRpcMessage?>> WriteEventAsync(SseItem<JsonRpcMessage?> item, CancellationToken cancellationToken = default)
        {
            if (item.EventId is not null)
            {
                return ValueTask.FromResult(item);
            }

            var bytes = item.Data is { } message ? JsonSerializer.SerializeToUtf8Bytes(message, McpJsonUtilities.DefaultOptions).Length : 0;
            lock (gate)
            {
                item = new SseItem<JsonRpcMessage?>(item.Data, item.EventType) { EventId = $"{Key}-{(++Last).ToString(CultureInfo.InvariantCulture)}", ReconnectionInterval = item.ReconnectionInterval ?? (item.Data is null ? options.ReconnectAfter : null) };
                _items.Enqueue((item, bytes));
                _bytes += bytes;
                while (_items.Count > options.EventsKeptMax || _bytes > options.EventBytesKeptMax)
                {
                    _bytes -= _items.Dequeue().Bytes;
                }

                Wake();
                return ValueTask.FromResult(item);
            }
        }

        public ValueTask DisposeAsync()
        {
            lock (gate)
            {
                IsDone = true;
                Wake();
            }

            return default;
        }

        public void Wake()
        {
            var told = _news;
            _news = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            told.TrySetResult();
        }

        /// <summary>What came after an event, and when to look again; no when if nothing will come.</summary>
        public (SseItem<JsonRpcMessage?>[] Items, long Last, Task? More) After(long last)
        {
            lock (gate)
            {
                return ([.. _items.Skip((int)Math.Max(0, last - First + 1)).Select(kept => kept.Item)], Last, IsDone || IsPolled ? null : _news.Task);
            }
        }
    }

    private sealed class Reader(Kept kept, long after) : ISseEventStreamReader
    {
        public string SessionId => kept.Stream.SessionId;

        public string StreamId => kept.Stream.StreamId;

        public async IAsyncEnumerable<SseItem<JsonRpcMessage?>> ReadEventsAsync([EnumeratorCancellation] CancellationToken cancellationToken = default)
        {
            for (var last = after; ;)
            {
                var (items, now, more) = kept.After(last);
                last = now;
                foreach (var item in items)
                {
                    yield return item;
                }

                if (more is null)
                {
                    yield break;
                }

                await more.WaitAsync(cancellationToken);
            }
        }
    }
}
