using Npgsql;
using NpgsqlTypes;

namespace AgentPlatform.EventStore.Tests.Marten;

/// <summary>Appends as Marten 9 does in its default mode: one call of <c>mt_quick_append_events</c> with a value for each event in every array.</summary>
internal sealed record MartenWriter(NpgsqlDataSource Database)
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    public async Task<IReadOnlyList<long>> Append(string stream, params MartenEvent[] events)
    {
        await using var connection = await Database.OpenConnectionAsync(Ct);
        return await Append(connection, stream, expected: null, tenant: "*DEFAULT*", events);
    }

    public static async Task<IReadOnlyList<long>> Append(NpgsqlConnection connection, string stream, long? expected, string? tenant, params MartenEvent[] events)
    {
        await using var command = new NpgsqlCommand("select public.mt_quick_append_events($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)", connection);
        Add(NpgsqlDbType.Varchar, stream);
        Add(NpgsqlDbType.Varchar, DBNull.Value);
        Add(NpgsqlDbType.Varchar, (object?)tenant ?? DBNull.Value);
        Add(NpgsqlDbType.Array | NpgsqlDbType.Uuid, Array.ConvertAll(events, e => e.Id));
        Add(NpgsqlDbType.Array | NpgsqlDbType.Varchar, Array.ConvertAll(events, e => e.Type));
        Add(NpgsqlDbType.Array | NpgsqlDbType.Varchar, Array.ConvertAll(events, e => e.DotNetType));
        Add(NpgsqlDbType.Array | NpgsqlDbType.Jsonb, Array.ConvertAll(events, e => e.Json));
        Add(NpgsqlDbType.Array | NpgsqlDbType.Bytea, Array.ConvertAll(events, _ => (byte[]?)null));
        Add(NpgsqlDbType.Array | NpgsqlDbType.Varchar, Array.ConvertAll(events, e => e.Causation));
        Add(NpgsqlDbType.Array | NpgsqlDbType.Varchar, Array.ConvertAll(events, e => e.Correlation));
        Add(NpgsqlDbType.Array | NpgsqlDbType.Jsonb, Array.ConvertAll(events, _ => "null"));
        Add(NpgsqlDbType.Array | NpgsqlDbType.TimestampTz, Array.ConvertAll(events, e => e.At));
        Add(NpgsqlDbType.Bigint, (object?)expected ?? DBNull.Value);
        return (long[])(await command.ExecuteScalarAsync(Ct))!;

        void Add(NpgsqlDbType type, object value) => command.Parameters.Add(new() { NpgsqlDbType = type, Value = value });
    }
}

/// <summary>An event as Marten sends it: a time-ordered ("comb") id, no .NET type that we could load.</summary>
internal sealed record MartenEvent(string Type, string Json, string? DotNetType = null, string? Correlation = null, string? Causation = null)
{
    public static readonly DateTime Noon = new(2026, 1, 2, 12, 0, 0, DateTimeKind.Utc);

    public Guid Id { get; } = Guid.CreateVersion7();

    public DateTime At { get; init; } = Noon;

    public static MartenEvent Raised(int by) => new("counter-raised.1", $$"""{"By":{{by}}}""", "Shop.CounterRaised, Shop");
}
