using AgentPlatform.Messaging;
using Npgsql;

namespace AgentPlatform.ToolGateway.Invocations;

/// <summary>
/// The life of this process, for other gateways on the same database to see: an advisory lock under a name of its own, which PostgreSQL lets go when the process or
/// its connection is gone.
/// </summary>
/// <remarks>Who loses the connection and gets it back looks dead for a moment; others look twice (<see cref="RecoverCalls"/>), and the ledger refuses the late of two.</remarks>
internal sealed partial class GatewayLife(NpgsqlDataSource database, TimeProvider time, ILogger<GatewayLife> log, Guid? id = null) : BackgroundService
{
    private const string Lock = "hashtextextended(current_schema() || '/gateway ' || $1::text, 0)";
    private static readonly TimeSpan RetryEvery = TimeSpan.FromMilliseconds(500);
    private volatile bool _seen;

    /// <summary>This process; another with every start.</summary>
    public Guid Id { get; } = id ?? Guid.CreateVersion7();

    /// <summary>Others can see that it lives.</summary>
    public bool IsSeen => _seen;

    /// <summary>Whether a process lives.</summary>
    public async Task<bool> Lives(Guid gateway, CancellationToken ct)
    {
        if (gateway == Id)
        {
            return true;
        }

        // By itself this is a transaction, and the lock gone with its end.
        await using var command = database.CreateCommand($"select not pg_try_advisory_xact_lock({Lock})");
        command.Parameters.Add(new() { Value = gateway });
        return (bool)(await command.ExecuteScalarAsync(ct))!;
    }

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                await Hold(stoppingToken);
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                return;
            }
            catch (Exception e) when (Transient.Is(e) || e is NpgsqlException or InvalidOperationException)
            {
                Unseen(e.Message, RetryEvery);
            }

            await Task.Delay(RetryEvery, time, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private async Task Hold(CancellationToken stop)
    {
        await using var connection = await database.OpenConnectionAsync(stop);
        try
        {
            // A machine that is gone says no goodbye: PostgreSQL is to notice within half a minute.
            await Execute(connection, "set tcp_keepalives_idle = 10; set tcp_keepalives_interval = 5; set tcp_keepalives_count = 4", stop);
            await using (var hold = new NpgsqlCommand($"select pg_try_advisory_lock({Lock})", connection) { Parameters = { new() { Value = Id } } })
            {
                _seen = (bool)(await hold.ExecuteScalarAsync(stop))!;
            }

            while (_seen)
            {
                await connection.WaitAsync(stop);
            }
        }
        finally
        {
            _seen = false;
            await LetGo(connection);
        }
    }

    private async Task LetGo(NpgsqlConnection connection)
    {
        try
        {
            await Execute(connection, "select pg_advisory_unlock_all()", CancellationToken.None);
        }
        catch (Exception e) when (e is NpgsqlException or InvalidOperationException)
        {
            // A connection that could not let go must not go back into the pool: a process that is no more would live there.
            database.Clear();
        }
    }

    private static async Task Execute(NpgsqlConnection connection, string text, CancellationToken ct)
    {
        await using var command = new NpgsqlCommand(text, connection);
        await command.ExecuteNonQueryAsync(ct);
    }

    [LoggerMessage(4105, LogLevel.Warning, "The connection by which other gateways see this one was lost: {Cause}; calls take the long way until it is back, next try in {Delay}")]
    private partial void Unseen(string cause, TimeSpan delay);
}
