using System.Threading.Channels;
using AgentPlatform.EventStore;
using AgentPlatform.Messaging;
using AgentPlatform.ModelFabric.Wire;
using Microsoft.Extensions.Options;

namespace AgentPlatform.ModelFabric.Calls;

/// <summary>
/// Stores the records of calls whose answers are out, many in one commit, while their connections go on. Nothing is dropped
/// because the store is away: records wait, and when too many wait no new call is begun.
/// </summary>
/// <remarks>What waits stands in the journal too, so that the next process stores it when this one dies (<see cref="RecoverCalls"/>).</remarks>
public sealed partial class RecordCalls(IModelCallLog log, CallJournal journal, IOptions<ModelFabricOptions> options, TimeProvider time, ILogger<RecordCalls> logger)
    : IHostedService, IAsyncDisposable
{
    private static readonly TimeSpan RetryDelayMin = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan RetryDelayMax = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan FlushDurationMax = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan DrainDurationMax = TimeSpan.FromSeconds(10);

    // Unbounded, because a call that was answered must never be turned away here; IsFull keeps new ones from beginning.
    private readonly Channel<Waiting> _channel = Channel.CreateUnbounded<Waiting>(new UnboundedChannelOptions { SingleReader = true });
    private readonly SemaphoreSlim _hurry = new(0);
    private readonly CancellationTokenSource _abandoned = new();
    private readonly ILogger _logger = logger;
    private Task _loop = Task.CompletedTask;
    private long _waiting;
    private int _disposed;

    private readonly record struct Waiting(CallEntry? Entry, TaskCompletionSource? Reached);

    /// <summary>Records that are not stored yet.</summary>
    public long Count => Interlocked.Read(ref _waiting);

    /// <summary>Refuses to begin a call while too many records wait for the store.</summary>
    /// <exception cref="ModelCallException">The store has been away for too long.</exception>
    public void Admit()
    {
        if (Count >= options.Value.Records.WaitingMax)
        {
            throw ModelCallException.Upstream("store_unavailable",
                $"{Count} calls wait to be recorded because the store is away, and none is made that may stay without a record (ModelFabric:Records:WaitingMax). Ask again later.",
                StatusCodes.Status503ServiceUnavailable);
        }
    }

    public void Add(CallEntry entry)
    {
        try
        {
            journal.Note(entry);
        }
        catch (Exception full) when (full is IOException or UnauthorizedAccessException)
        {
            // The answer is out. That its record outlives the process is lost, the record itself is not.
            NotJournaled(full, entry.Id);
        }
        Interlocked.Increment(ref _waiting);
        if (!_channel.Writer.TryWrite(new Waiting(entry, Reached: null)))
        {
            Interlocked.Decrement(ref _waiting);
            Lost(1);
        }
    }

    /// <summary>A call is in the store, by whatever way.</summary>
    public void Stored(CallEntry entry)
    {
        if (entry.Key is { } key)
        {
            journal.Stored(key);
        }
    }

    /// <summary>Returns when all that was added before is stored, or after a while when the store is away.</summary>
    public async Task Flush(CancellationToken ct)
    {
        var reached = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        if (Count == 0 || !_channel.Writer.TryWrite(new Waiting(Entry: null, reached)))
        {
            return;
        }
        _hurry.Release();
        await Task.WhenAny(reached.Task, Task.Delay(FlushDurationMax, time, ct));
        ct.ThrowIfCancellationRequested();
    }

    public Task StartAsync(CancellationToken cancellationToken)
    {
        _loop = Task.Run(Run, CancellationToken.None);
        return Task.CompletedTask;
    }

    /// <summary>Stores what still waits, for as long as the host lets it.</summary>
    public async Task StopAsync(CancellationToken cancellationToken)
    {
        _channel.Writer.TryComplete();
        _hurry.Release();
        try
        {
            await _loop.WaitAsync(DrainDurationMax, cancellationToken);
        }
        catch (Exception late) when (late is OperationCanceledException or TimeoutException)
        {
            await _abandoned.CancelAsync();
            await _loop;
            Lost(Count);
        }
    }

    /// <summary>May be told twice: the container knows it as itself and as a hosted service.</summary>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _disposed, 1) == 1)
        {
            return;
        }
        await StopAsync(CancellationToken.None);
        _hurry.Dispose();
        _abandoned.Dispose();
    }

    private async Task Run()
    {
        var max = options.Value.Records.PerCommitMax;
        var (entries, reached) = (new List<CallEntry>(max), new List<TaskCompletionSource>());
        try
        {
            while (await _channel.Reader.WaitToReadAsync(_abandoned.Token))
            {
                // Those that come within this time share one commit; whoever waits for the store to catch up ends it early.
                if (Count < max)
                {
                    await _hurry.WaitAsync(options.Value.Records.GatheredFor, _abandoned.Token);
                }
                while (entries.Count < max && _channel.Reader.TryRead(out var one))
                {
                    if (one.Entry is { } entry)
                    {
                        entries.Add(entry);
                    }
                    else
                    {
                        reached.Add(one.Reached!);
                    }
                }
                await Store(entries);
                entries.ForEach(Stored);
                Interlocked.Add(ref _waiting, -entries.Count);
                reached.ForEach(waiter => waiter.TrySetResult());
                entries.Clear();
                reached.Clear();
            }
        }
        catch (OperationCanceledException) when (_abandoned.IsCancellationRequested)
        {
            // The host gave up waiting; StopAsync says how many are lost.
        }
        finally
        {
            reached.ForEach(waiter => waiter.TrySetCanceled());
            while (_channel.Reader.TryRead(out var left))
            {
                left.Reached?.TrySetCanceled();
            }
        }
    }

    /// <summary>Until all are stored, or refused for what they are.</summary>
    private async Task Store(List<CallEntry> entries)
    {
        var (delay, together, done) = (RetryDelayMin, true, 0);
        while (done < entries.Count)
        {
            try
            {
                if (together)
                {
                    await log.StoreAll(entries, _abandoned.Token);
                    return;
                }
                for (; done < entries.Count; done++)
                {
                    await StoreOne(entries[done]);
                }
            }
            catch (Exception away) when (Transient.Is(away))
            {
                StoreAway(away.Message, Count, delay);
                await Task.Delay(delay, time, _abandoned.Token);
                delay = delay * 2 < RetryDelayMax ? delay * 2 : RetryDelayMax;
            }
            catch (Exception refused) when (together && refused is not (OperationCanceledException or OutOfMemoryException))
            {
                // One of them is to blame, or all are there already because an answer of the store was lost. One by one it shows.
                together = false;
            }
        }
    }

    private async Task StoreOne(CallEntry entry)
    {
        try
        {
            await log.StoreAll([entry], _abandoned.Token);
        }
        catch (StreamConflictException)
        {
            // Stored before; only the store's answer was lost.
        }
        catch (Exception refused) when (!Transient.Is(refused) && refused is not (OperationCanceledException or OutOfMemoryException))
        {
            RecordRefused(refused, entry.Id);
            if (entry is { Record: not null, Settlement: { } settlement })
            {
                // What cannot be told in full is counted all the same.
                await StoreOne(new CallEntry(entry.Id, Record: null, settlement));
            }
        }
    }

    [LoggerMessage(4204, LogLevel.Warning, "The store takes no records at the moment ({Cause}); {Count} calls wait to be recorded, next try in {Delay}")]
    private partial void StoreAway(string cause, long count, TimeSpan delay);

    [LoggerMessage(4202, LogLevel.Error, "The store refused the record of call {Call}; it is missing from the history, what it used is counted")]
    private partial void RecordRefused(Exception exception, Guid call);

    [LoggerMessage(4205, LogLevel.Error, "{Count} calls were not recorded before the service ended, because the store was away; the journal has them for the next start")]
    private partial void Lost(long count);

    [LoggerMessage(4206, LogLevel.Error, "Call {Call} could not be noted in the journal; its record waits for the store in memory only. Is the disk full?")]
    private partial void NotJournaled(Exception exception, Guid call);
}
