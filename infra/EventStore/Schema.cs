using Npgsql;

namespace AgentPlatform.EventStore;

/// <summary>Creates what the store needs in its database; safe to run at every start, by several processes at once.</summary>
public static class Schema
{
    // Serialises the statements between processes that start together; any constant will do as long as it stays.
    private const long LockKey = 0x4150_4553_4348_0001;

    /// <summary>Runs a script of idempotent DDL under a lock, in one transaction.</summary>
    /// <param name="database">The database.</param>
    /// <param name="script">For example <see cref="Events"/>.</param>
    /// <param name="ct">Cancels.</param>
    public static async Task Apply(NpgsqlDataSource database, string script, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(database);
        await using var connection = await database.OpenConnectionAsync(ct);
        await using var transaction = await connection.BeginTransactionAsync(ct);
        await using (var gate = new NpgsqlCommand("select pg_advisory_xact_lock($1)", connection, transaction) { Parameters = { new() { Value = LockKey } } })
        {
            await gate.ExecuteNonQueryAsync(ct);
        }

        await using (var quiet = new NpgsqlCommand("set local client_min_messages = warning", connection, transaction))
        {
            await quiet.ExecuteNonQueryAsync(ct);
        }

        await using (var ddl = new NpgsqlCommand(script, connection, transaction))
        {
            await ddl.ExecuteNonQueryAsync(ct);
        }

        await transaction.CommitAsync(ct);
    }

    /// <summary>The event tables, the views, the append function, and the functions that Marten calls.</summary>
    public static string Events { get; } = Resource("AgentPlatform.EventStore.Schema.sql") + "\n" + Resource("AgentPlatform.EventStore.Marten.sql");

    private static string Resource(string name)
    {
        using var stream = typeof(Schema).Assembly.GetManifestResourceStream(name) ?? throw new InvalidOperationException($"The resource {name} is missing from the build");
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    }
}
