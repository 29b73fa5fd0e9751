using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;
using NpgsqlTypes;

namespace AgentPlatform.EventStore;

/// <summary>Forgets the ids of commands that are older than a repetition can be, a few at a time so that no writer waits for it.</summary>
/// <remarks>Every process does it; they do not harm each other.</remarks>
public sealed partial class Housekeeping(NpgsqlDataSource database, EventStoreOptions options, TimeProvider time, ILogger<Housekeeping> log) : BackgroundService
{
    private const int RowsAtOnce = 1_000;
    private static readonly TimeSpan Every = TimeSpan.FromMinutes(10);

    /// <summary>Forgets what is due now.</summary>
    /// <param name="ct">Cancels.</param>
    public async Task ForgetCommands(CancellationToken ct)
    {
        int forgotten;
        do
        {
            await using var delete = database.CreateCommand(
                "delete from ap_commands where ctid = any(array(select ctid from ap_commands where handled_at < $1 limit $2))");
            delete.Parameters.Add(new() { Value = time.GetUtcNow() - options.CommandsKept, NpgsqlDbType = NpgsqlDbType.TimestampTz });
            delete.Parameters.Add(new() { Value = RowsAtOnce });
            forgotten = await delete.ExecuteNonQueryAsync(ct);
        }
        while (forgotten == RowsAtOnce);
    }

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Every, time);
        try
        {
            while (await timer.WaitForNextTickAsync(stoppingToken))
            {
                try
                {
                    await ForgetCommands(stoppingToken);
                }
                catch (NpgsqlException e)
                {
                    PutOff(e.Message, Every);
                }
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            return;
        }
    }

    [LoggerMessage(1003, LogLevel.Warning, "Old command ids could not be forgotten: {Cause}; next try in {Delay}")]
    private partial void PutOff(string cause, TimeSpan delay);
}
