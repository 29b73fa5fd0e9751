using AgentPlatform.Contracts;
using AgentPlatform.EventStore;
using Npgsql;

namespace AgentPlatform.ToolGateway.Invocations;

/// <summary>
/// Which calls run in which process, as a table: a row is stored with the start of a call and gone with its end, so what stands there of a process that is no
/// more was interrupted.
/// </summary>
internal static class CallsAtWork
{
    public const string Schema = "create table if not exists ap_tool_calls_at_work (invocation uuid not null primary key, gateway uuid not null);";

    /// <summary>The call runs in the process from here on.</summary>
    public static void Begins(IPostgresSession session, InvocationId invocation, Guid gateway) => session.Enlist(Begun, new Row(invocation.Value, gateway));

    /// <summary>The call has ended.</summary>
    public static void Ends(IPostgresSession session, InvocationId invocation) => session.Enlist(Ended, invocation.Value);

    /// <summary>Takes an interrupted call over; the unit of work is refused when somebody else has done it or the call has ended.</summary>
    public static void TakeOver(IPostgresSession session, Row row) => session.Guard(new NpgsqlBatchCommand(

        // A guard gives no rows: nothing is ever inserted, and where nothing was deleted the division fails.
        """
        with gone as (delete from ap_tool_calls_at_work where invocation = $1 and gateway = $2 returning 1)
        insert into ap_tool_calls_at_work (invocation, gateway) select $1, $2 from (select count(*) as rows from gone) g where 1 / g.rows = 0
        """)
    {
        Parameters = { new() { Value = row.Invocation }, new() { Value = row.Gateway } },
    });

    /// <summary>Whether the unit of work was refused by <see cref="TakeOver"/>.</summary>
    public static bool IsTakenAlready(PostgresException e) => e.SqlState == PostgresErrorCodes.DivisionByZero;

    /// <summary>Calls of any process, at most so many.</summary>
    public static async Task<List<Row>> List(NpgsqlDataSource database, int max, CancellationToken ct)
    {
        await using var command = database.CreateCommand("select invocation, gateway from ap_tool_calls_at_work order by invocation limit $1");
        command.Parameters.Add(new() { Value = max });
        await using var reader = await command.ExecuteReaderAsync(ct);
        var rows = new List<Row>();
        while (await reader.ReadAsync(ct))
        {
            rows.Add(new Row(reader.GetGuid(0), reader.GetGuid(1)));
        }

        return rows;
    }

    // One statement each for all units that are stored together.
    private static SharedStatement Begun { get; } = new(rows => new NpgsqlBatchCommand("insert into ap_tool_calls_at_work (invocation, gateway) select * from unnest($1, $2)")
    {
        Parameters = { new() { Value = rows.Select(row => ((Row)row).Invocation).ToArray() }, new() { Value = rows.Select(row => ((Row)row).Gateway).ToArray() } },
    });

    private static SharedStatement Ended { get; } = new(rows => new NpgsqlBatchCommand("delete from ap_tool_calls_at_work where invocation = any($1)")
    {
        Parameters = { new() { Value = rows.Cast<Guid>().ToArray() } },
    });

    /// <summary>A call at work.</summary>
    internal sealed record Row(Guid Invocation, Guid Gateway);
}
