using System.Globalization;
using AgentPlatform.Contracts;
using AgentPlatform.EventStore;
using Npgsql;
using NpgsqlTypes;

namespace AgentPlatform.Messaging;

/// <summary>The receiver's memory: which messages took effect, and which never will.</summary>
internal static class Inbox
{
    // The usual case in one plan that is made once; what it leaves over goes the long way through the function.
    private const string TakeOnce =
        """
        with taken as (
            insert into ap_inbox (message_id, handler, mark, position)
            select $1, $2, m.id, $4 from ap_marks m where m.handler = $2 and m.sequencer = $3 and (m.settled < $4 or m.settled is null)
            returning 1)
        select ap_inbox_take($1, $2, $3, $4) where not exists (select from taken)
        """;

    /// <summary>
    /// Marks messages as handled, each in the transaction of its effect; its rows are of type <see cref="Mark"/>. A second time is an error that
    /// <see cref="KnowsAlready"/> tells.
    /// </summary>
    public static SharedStatement Taken { get; } = new(rows => rows is [Mark mark] ? Take(mark) : TakeAll(rows));

    private static NpgsqlBatchCommand Take(Mark mark) => new(TakeOnce)
    {
        Parameters =
        {
            new() { Value = mark.Envelope.Id, NpgsqlDbType = NpgsqlDbType.Varchar },
            new() { Value = mark.Handler, NpgsqlDbType = NpgsqlDbType.Varchar },
            new() { Value = (object?)mark.Envelope.Sequencer ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Varchar },
            new() { Value = PositionOf(mark.Envelope) is { } position ? position : DBNull.Value, NpgsqlDbType = NpgsqlDbType.Bigint },
        },
    };

    private static NpgsqlBatchCommand TakeAll(IReadOnlyList<object> rows)
    {
        var (ids, handlers, sequencers, positions) = (new string[rows.Count], new string[rows.Count], new string?[rows.Count], new long?[rows.Count]);
        for (var i = 0; i < rows.Count; i++)
        {
            var (envelope, handler) = (Mark)rows[i];
            (ids[i], handlers[i], sequencers[i], positions[i]) = (envelope.Id, handler, envelope.Sequencer, PositionOf(envelope));
        }

        return new NpgsqlBatchCommand("select ap_inbox_take_all($1, $2, $3, $4)")
        {
            Parameters =
            {
                new() { Value = ids, NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Varchar },
                new() { Value = handlers, NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Varchar },
                new() { Value = sequencers, NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Varchar },
                new() { Value = positions, NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Bigint },
            },
        };
    }

    /// <summary>Stores marks by themselves, in one transaction; null ones are left out.</summary>
    public static async Task Store(NpgsqlDataSource database, CancellationToken ct, params NpgsqlBatchCommand?[] marks)
    {
        await using var batch = database.CreateBatch();
        foreach (var mark in marks.OfType<NpgsqlBatchCommand>())
        {
            batch.BatchCommands.Add(mark);
        }

        if (batch.BatchCommands.Count > 0)
        {
            await batch.ExecuteNonQueryAsync(ct);
        }
    }

    /// <summary>Marks a message as one that will never take effect, so that nobody asks for it again; null when it carries no number.</summary>
    public static NpgsqlBatchCommand? Pass(CloudEvent? envelope, string handler) => envelope is not { Sequencer: { } sequencer } || PositionOf(envelope) is not { } position
        ? null
        : new("insert into ap_passed (mark, first, last, reason) values (ap_mark_of($1, $2), $3, $3, 'dead letter') on conflict do nothing")
        {
            Parameters = { new() { Value = handler }, new() { Value = sequencer }, new() { Value = position } },
        };

    /// <summary>Whether PostgreSQL refused a unit of work because its message took effect before.</summary>
    public static bool KnowsAlready(PostgresException e) => e.SqlState is "AP003" or SharedStatement.Refused || (e.SqlState == PostgresErrorCodes.UniqueViolation && e.ConstraintName == "ap_inbox_once");

    private static long? PositionOf(CloudEvent envelope) =>
        envelope.Sequencer is not null && long.TryParse(envelope.Sequence, NumberStyles.None, CultureInfo.InvariantCulture, out var position) ? position : null;

    /// <summary>That a message took effect for a handler.</summary>
    public sealed record Mark(CloudEvent Envelope, string Handler);
}
