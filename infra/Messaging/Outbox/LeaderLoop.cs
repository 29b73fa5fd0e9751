using AgentPlatform.EventStore;
using Npgsql;

namespace AgentPlatform.Messaging;

/// <summary>Runs work in one process of a service at a time, and begins it anew after trouble that passes.</summary>
/// <param name="database">Holds the lock.</param>
/// <param name="store">Names the schema: two services in one database are two leaders.</param>
/// <param name="options">How long to wait between two tries.</param>
/// <param name="time">The clock of the waits.</param>
internal sealed class LeaderLoop(NpgsqlDataSource database, EventStoreOptions store, MessagingOptions options, TimeProvider time)
{
    /// <summary>What it is at, for whoever wonders why nothing moves.</summary>
    public string Doing { get; private set; } = "has not begun";

    /// <summary>Runs until stopped; what does not pass by itself surfaces.</summary>
    /// <param name="name">The lock, unique within the service.</param>
    /// <param name="work">Must bear being begun anew.</param>
    /// <param name="interrupted">Told the cause and the pause.</param>
    /// <param name="stop">Ends it.</param>
    public async Task Run(string name, Func<CancellationToken, Task> work, Action<string, TimeSpan> interrupted, CancellationToken stop)
    {
        while (!stop.IsCancellationRequested)
        {
            try
            {
                Doing = "waits for the lock";
                await Leader.Run(database, $"{store.Schema}.{name}", options.PollEvery, Lead, stop);
            }
            catch (OperationCanceledException) when (stop.IsCancellationRequested)
            {
                return;
            }
            catch (Exception e) when (Transient.Is(e) || e is OperationCanceledException or JetStreamException)
            {
                Doing = $"pauses after {e.GetType().Name}";
                interrupted(e.Message, options.RetryDelay);
                await Task.Delay(options.RetryDelay, time, stop).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }

        async Task Lead(CancellationToken ct)
        {
            Doing = "leads";
            try
            {
                await work(ct);
            }
            finally
            {
                Doing = "lets go of the lock";
            }
        }
    }
}
