using System.Threading.Channels;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace AgentPlatform.EventStore;

/// <summary>
/// Wakes readers when something was appended: at once within this process, by <c>NOTIFY</c> in the other replicas, and every
/// <see cref="EventStoreOptions.PollEvery"/> in case the process that appended died before it could tell.
/// </summary>
/// <remarks>
/// <c>NOTIFY</c> is sent after the commit on a connection of its own, many appends to one: inside the append's transaction PostgreSQL would take a
/// database-wide lock until the flush and so make all writers wait for each other.
/// </remarks>
public sealed partial class StoreSignal(NpgsqlDataSource database, EventStoreOptions options, ILogger<StoreSignal> log) : BackgroundService, IStoreSignal
{
    private const string ChannelName = "ap_events";
    private readonly Channel<bool> _tell = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });
    private TaskCompletionSource _next = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Called after every commit that appended.</summary>
    public void Appended()
    {
        Wake();
        _tell.Writer.TryWrite(true);
    }

    /// <inheritdoc/>
    public Task Next => Volatile.Read(ref _next).Task;

    /// <inheritdoc/>
    public async Task Wait(Task next, CancellationToken ct)
    {
        using var timer = CancellationTokenSource.CreateLinkedTokenSource(ct);
        timer.CancelAfter(options.PollEvery);
        await Task.WhenAny(next, Task.Delay(Timeout.InfiniteTimeSpan, timer.Token));
        ct.ThrowIfCancellationRequested();
        await timer.CancelAsync();
    }

    /// <inheritdoc/>
    protected override Task ExecuteAsync(CancellationToken stoppingToken) => Task.WhenAll(Tell(stoppingToken), Listen(stoppingToken));

    private void Wake() => Interlocked.Exchange(ref _next, new(TaskCreationOptions.RunContinuationsAsynchronously)).TrySetResult();

    private async Task Tell(CancellationToken stop)
    {
        while (!stop.IsCancellationRequested)
        {
            try
            {
                await foreach (var _ in _tell.Reader.ReadAllAsync(stop))
                {
                    await using var notify = database.CreateCommand($"notify {ChannelName}");
                    await notify.ExecuteNonQueryAsync(stop);
                }
            }
            catch (OperationCanceledException) when (stop.IsCancellationRequested)
            {
                return;
            }
            catch (NpgsqlException e)
            {
                // The others find the events by polling; the next append tries to tell them again.
                NotifyFailed(e.Message);
            }
        }
    }

    private async Task Listen(CancellationToken stop)
    {
        while (!stop.IsCancellationRequested)
        {
            try
            {
                await using var connection = await database.OpenConnectionAsync(stop);
                connection.Notification += (_, _) => Wake();
                await using (var listen = new NpgsqlCommand($"listen {ChannelName}", connection))
                {
                    await listen.ExecuteNonQueryAsync(stop);
                }

                Wake();
                while (true)
                {
                    await connection.WaitAsync(stop);
                }
            }
            catch (OperationCanceledException) when (stop.IsCancellationRequested)
            {
                return;
            }
            catch (Exception e) when (e is NpgsqlException or IOException or System.Net.Sockets.SocketException)
            {
                ListenFailed(e.Message, options.PollEvery);
                await Task.Delay(options.PollEvery, stop).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }

    [LoggerMessage(1001, LogLevel.Warning, "Other replicas could not be told of new events: {Cause}; they find them by polling")]
    private partial void NotifyFailed(string cause);

    [LoggerMessage(1002, LogLevel.Warning, "Lost the connection that listens for new events: {Cause}; polling, next try in {Delay}")]
    private partial void ListenFailed(string cause, TimeSpan delay);
}
