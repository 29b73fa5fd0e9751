using Npgsql;

namespace AgentPlatform.Messaging;

/// <summary>Lets one process at a time do something: a PostgreSQL advisory lock held by a connection, gone with it.</summary>
internal static class Leader
{
    /// <summary>Waits for the lock, then works until the connection is lost or the work ends.</summary>
    public static async Task Run(NpgsqlDataSource database, string name, TimeSpan retryEvery, Func<CancellationToken, Task> work, CancellationToken stop)
    {
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
        await using var command = new NpgsqlCommand("select pg_try_advisory_lock(hashtextextended($1, 0))", connection);
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
