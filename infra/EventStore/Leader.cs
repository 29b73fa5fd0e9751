using Npgsql;

namespace AgentPlatform.EventStore;

/// <summary>Lets one process at a time do something: a PostgreSQL advisory lock held by a connection, gone with it.</summary>
/// <remarks>
/// A leader learns of the loss of its connection a moment after PostgreSQL does, so for that moment there may be two. Whoever must exclude that writes with a
/// condition that only the present leader can meet, as the projection daemon does with its progress.
/// </remarks>
public static class Leader
{
    /// <summary>Waits for the lock, then works until the connection is lost, the work ends or <paramref name="stop"/> is cancelled.</summary>
    /// <param name="database">Where the lock is held.</param>
    /// <param name="name">What is led; one lock per name and schema.</param>
    /// <param name="retryEvery">How often the lock is tried while somebody else has it.</param>
    /// <param name="work">Its token is cancelled at once when the connection, and with it the lock, is lost.</param>
    /// <param name="stop">Ends the wait or the work.</param>
    public static async Task Run(NpgsqlDataSource database, string name, TimeSpan retryEvery, Func<CancellationToken, Task> work, CancellationToken stop)
    {
        ArgumentNullException.ThrowIfNull(database);
        ArgumentNullException.ThrowIfNull(work);
        await using var connection = await database.OpenConnectionAsync(stop);
        while (!await TryLock(connection, name, stop))
        {
            await Task.Delay(retryEvery, stop);
        }

        using var lost = CancellationTokenSource.CreateLinkedTokenSource(stop);
        // Waiting on the connection notices at once when the server goes away, and with it the lock.
        var watch = Watch(connection, lost);
        try
        {
            await work(lost.Token);
        }
        finally
        {
            await lost.CancelAsync();
            await watch;
            try
            {
                await using var unlock = new NpgsqlCommand("select pg_advisory_unlock_all()", connection);
                await unlock.ExecuteNonQueryAsync(CancellationToken.None);
            }
            catch (Exception e) when (e is NpgsqlException or InvalidOperationException)
            {
                // A connection that could not let go must not go back into the pool: it would hold the lock there, and nobody could lead any more.
                database.Clear();
            }
        }
    }

    private static async Task<bool> TryLock(NpgsqlConnection connection, string name, CancellationToken ct)
    {
        // Several stores may share a database, each in its schema; their leaders have nothing to do with each other.
        await using var command = new NpgsqlCommand("select pg_try_advisory_lock(hashtextextended(current_schema() || '/' || $1, 0))", connection);
        command.Parameters.Add(new() { Value = name });
        return (bool)(await command.ExecuteScalarAsync(ct))!;
    }

    private static async Task Watch(NpgsqlConnection connection, CancellationTokenSource lost)
    {
        try
        {
            while (true)
            {
                await connection.WaitAsync(lost.Token);
            }
        }
        catch (OperationCanceledException)
        {
            return;
        }
        catch (Exception e) when (e is NpgsqlException or IOException or InvalidOperationException)
        {
            // The lock went with the connection; the work must not go on without it.
            await lost.CancelAsync();
        }
    }
}
