using Npgsql;
using NpgsqlTypes;

namespace AgentPlatform.EventStore;

/// <summary>The statements that append: one for a stream by itself, which is the usual case and half as expensive, one for any number of streams.</summary>
internal static class AppendCommands
{
    /// <summary>Name of the function, and so of the column it gives.</summary>
    public const string Function = "ap_append_events";

    // The check is a step of its own that calls a volatile function, so PostgreSQL cannot fold it into the step that draws positions.
    private const string Checked =
        """
        , checked as (select coalesce((select version from moved), ap_refused($1, $2)) - $3 as version)
        insert into mt_events (seq_id, id, stream_id, version, data, type, timestamp, tenant_id, mt_dotnet_type, correlation_id, causation_id, headers, is_archived)

        """;

    private const string Single = Checked + "select nextval('mt_events_sequence'), $5, $1, c.version + 1, $8, $6, $4, '*DEFAULT*', $7, $9, $10, $11, false from checked c";

    private const string Several = Checked +
        """
        select nextval('mt_events_sequence'), o.id, $1, o.version, o.body, o.type, $4, '*DEFAULT*', o.dotnet_type, $9, $10, $11, false
        from (
            select e.id, c.version + e.n as version, e.type, e.dotnet_type, e.body
            from checked c, unnest($5, $6, $7, $8) with ordinality as e (id, type, dotnet_type, body, n)
            order by e.n) o
        """;

    private const string Moved = "with moved as (update mt_streams set version = version + $3, timestamp = $4 where id = $1 and version = $2 and is_archived is not true returning version)";

    private const string Made =
        """
        with moved as (
            insert into mt_streams (id, type, version, timestamp, created, tenant_id, is_archived) values ($1, $12, $3, $4, $4, '*DEFAULT*', false)
            on conflict (id) do nothing returning version)
        """;

    private const string OneToStream = Moved + Single;
    private const string OneToNewStream = Made + Single;
    private const string SeveralToStream = Moved + Several;
    private const string SeveralToNewStream = Made + Several;

    private const string ToStreams = "select ap_append_events($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)";

    public static NpgsqlBatchCommand For(List<(UnitOfWork Unit, StreamAppend Append)> appends, DateTimeOffset now) =>
        appends is [var (unit, append)] && append.Expected != ExpectedVersion.Any ? One(unit, append, now) : Many(appends, now);

    public static bool GivesVersions(NpgsqlBatchCommand command) => ReferenceEquals(command.CommandText, ToStreams);

    private static NpgsqlBatchCommand One(UnitOfWork unit, StreamAppend append, DateTimeOffset now)
    {
        var (isNew, events) = (append.Expected == ExpectedVersion.NoStream, append.Events);
        var command = new NpgsqlBatchCommand((isNew, events.Count) switch
        {
            (false, 1) => OneToStream,
            (true, 1) => OneToNewStream,
            (false, _) => SeveralToStream,
            (true, _) => SeveralToNewStream,
        });
        var values = command.Parameters;
        values.Add(new NpgsqlParameter<string> { TypedValue = append.Stream, NpgsqlDbType = NpgsqlDbType.Varchar });
        values.Add(new NpgsqlParameter<long> { TypedValue = append.Expected.Value, NpgsqlDbType = NpgsqlDbType.Bigint });
        values.Add(new NpgsqlParameter<long> { TypedValue = events.Count, NpgsqlDbType = NpgsqlDbType.Bigint });
        values.Add(new NpgsqlParameter<DateTimeOffset> { TypedValue = now, NpgsqlDbType = NpgsqlDbType.TimestampTz });
        if (events.Count == 1)
        {
            // Most appends. Without arrays, and without taking them apart again in the server.
            values.Add(new NpgsqlParameter<Guid> { TypedValue = events[0].Id, NpgsqlDbType = NpgsqlDbType.Uuid });
            values.Add(Text(events[0].Type, NpgsqlDbType.Varchar));
            values.Add(Text(events[0].DotnetType, NpgsqlDbType.Varchar));
            values.Add(Text(events[0].Json, NpgsqlDbType.Jsonb));
        }
        else
        {
            values.Add(new NpgsqlParameter<Guid[]> { TypedValue = Array(events, e => e.Id) });
            values.Add(new NpgsqlParameter<string[]> { TypedValue = Array(events, e => e.Type), NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Varchar });
            values.Add(new NpgsqlParameter<string[]> { TypedValue = Array(events, e => e.DotnetType), NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Varchar });
            values.Add(new NpgsqlParameter<string[]> { TypedValue = Array(events, e => e.Json), NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Jsonb });
        }

        values.Add(Text(unit.CorrelationId, NpgsqlDbType.Varchar));
        values.Add(Text(unit.CausationId, NpgsqlDbType.Varchar));
        values.Add(Text(append.Headers ?? unit.Headers, NpgsqlDbType.Jsonb));
        if (isNew)
        {
            values.Add(Text(append.Type, NpgsqlDbType.Varchar));
        }

        return command;
    }

    private static NpgsqlBatchCommand Many(List<(UnitOfWork Unit, StreamAppend Append)> appends, DateTimeOffset now)
    {
        var events = appends.Sum(a => a.Append.Events.Count);
        var (streamOf, ids, types, dotnetTypes, bodies) = (new int[events], new Guid[events], new string[events], new string[events], new string[events]);
        for (int i = 0, at = 0; i < appends.Count; i++)
        {
            foreach (var e in appends[i].Append.Events)
            {
                (streamOf[at], ids[at], types[at], dotnetTypes[at], bodies[at]) = (i + 1, e.Id, e.Type, e.DotnetType, e.Json);
                at++;
            }
        }

        return new NpgsqlBatchCommand(ToStreams)
        {
            Parameters =
            {
                Texts(a => a.Append.Stream, NpgsqlDbType.Varchar),
                Texts(a => a.Append.Type, NpgsqlDbType.Varchar),
                new() { Value = Array(appends, a => a.Append.Expected.Value) },
                new() { Value = Array(appends, a => a.Append.Events.Count) },
                Texts(a => a.Unit.CorrelationId, NpgsqlDbType.Varchar),
                Texts(a => a.Unit.CausationId, NpgsqlDbType.Varchar),
                Texts(a => a.Append.Headers ?? a.Unit.Headers, NpgsqlDbType.Jsonb),
                new() { Value = streamOf },
                new() { Value = ids },
                new() { Value = types, NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Varchar },
                new() { Value = dotnetTypes, NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Varchar },
                new() { Value = bodies, NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Jsonb },
                new() { Value = now, NpgsqlDbType = NpgsqlDbType.TimestampTz },
            },
        };

        NpgsqlParameter Texts(Func<(UnitOfWork Unit, StreamAppend Append), string?> of, NpgsqlDbType type) =>
            new() { Value = Array(appends, of), NpgsqlDbType = NpgsqlDbType.Array | type };
    }

    private static NpgsqlParameter Text(string? value, NpgsqlDbType type) =>
        value is null ? new NpgsqlParameter { Value = DBNull.Value, NpgsqlDbType = type } : new NpgsqlParameter<string> { TypedValue = value, NpgsqlDbType = type };

    private static TOut[] Array<TIn, TOut>(IReadOnlyList<TIn> items, Func<TIn, TOut> of)
    {
        var array = new TOut[items.Count];
        for (var i = 0; i < array.Length; i++)
        {
            array[i] = of(items[i]);
        }

        return array;
    }
}
