using System.Security.Cryptography;
using System.Text;
using Npgsql;

namespace AgentPlatform.EventStore;

/// <summary>Creates what the store needs in its database; safe to run at every start, by several processes at once.</summary>
public static class Schema
{
    // Serialises the statements between processes that start together; any constant will do as long as it stays.
    private const long LockKey = 0x4150_4553_4348_0001;

    /// <summary>Runs a script of idempotent DDL under a lock, in one transaction; a script that ran before is not run again.</summary>
    /// <remarks>
    /// Even where everything is in place, <c>create index if not exists</c> waits for every open transaction that wrote to the table, and all writers wait behind
    /// it: a replica that starts would hold up the others. So what ran is remembered by its hash (<c>ap_scripts</c>).
    /// </remarks>
    /// <param name="database">The database.</param>
    /// <param name="script">For example <see cref="Events"/>.</param>
    /// <param name="ct">Cancels.</param>
    public static async Task Apply(NpgsqlDataSource database, string script, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(database);
        var hash = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(script)));
        await using var connection = await database.OpenConnectionAsync(ct);
        if (await IsApplied(connection, hash, ct))
        {
            return;
        }

        await using var transaction = await connection.BeginTransactionAsync(ct);
        await using (var gate = new NpgsqlCommand("select pg_advisory_xact_lock($1)", connection, transaction) { Parameters = { new() { Value = LockKey } } })
        {
            await gate.ExecuteNonQueryAsync(ct);
        }

        await using (var quiet = new NpgsqlCommand("set local client_min_messages = warning", connection, transaction))
        {
            await quiet.ExecuteNonQueryAsync(ct);
        }

        // Another process may have run it while this one waited for its turn.
        if (!await IsApplied(connection, hash, ct))
        {
            await using var ddl = new NpgsqlCommand(script, connection, transaction);
            await ddl.ExecuteNonQueryAsync(ct);
            await using var remember = new NpgsqlCommand("create table if not exists ap_scripts (sha256 varchar not null primary key, applied_at timestamptz not null default (now()))", connection, transaction);
            await remember.ExecuteNonQueryAsync(ct);
            await using var applied = new NpgsqlCommand("insert into ap_scripts (sha256) values ($1)", connection, transaction) { Parameters = { new() { Value = hash } } };
            await applied.ExecuteNonQueryAsync(ct);
        }

        await transaction.CommitAsync(ct);
    }

    /// <summary>The event tables, the views, the append function, and the functions that Marten calls.</summary>
    public static string Events { get; } = Resource("AgentPlatform.EventStore.Schema.sql") + "\n" + Resource("AgentPlatform.EventStore.Marten.sql");

    /// <summary>What async projections need beside them; see <see cref="ProjectionsSetup"/>.</summary>
    public static string Projections { get; } = Resource("AgentPlatform.EventStore.Projections.sql");

    private static async Task<bool> IsApplied(NpgsqlConnection connection, string hash, CancellationToken ct)
    {
        await using (var known = new NpgsqlCommand("select to_regclass('ap_scripts') is not null", connection))
        {
            if (!(bool)(await known.ExecuteScalarAsync(ct))!)
            {
                return false;
            }
        }

        await using var command = new NpgsqlCommand("select exists (select 1 from ap_scripts where sha256 = $1)", connection) { Parameters = { new() { Value = hash } } };
        return (bool)(await command.ExecuteScalarAsync(ct))!;
    }

    private static string Resource(string name)
    {
        using var stream = typeof(Schema).Assembly.GetManifestResourceStream(name) ?? throw new InvalidOperationException($"The resource {name} is missing from the build");
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    }
}
