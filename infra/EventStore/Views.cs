using System.Text.Json;
using Npgsql;
using NpgsqlTypes;

namespace AgentPlatform.EventStore;

/// <summary>Views on PostgreSQL (<c>ap_views</c>).</summary>
/// <param name="database">The store's database.</param>
/// <param name="json">How rows are written and read.</param>
public sealed class Views(NpgsqlDataSource database, JsonSerializerOptions json) : IViews
{
    /// <inheritdoc/>
    public async Task<T?> Find<T>(string kind, string id, CancellationToken ct)
        where T : class
    {
        await using var command = database.CreateCommand("select data from ap_views where kind = $1 and id = $2");
        command.Parameters.Add(new() { Value = kind });
        command.Parameters.Add(new() { Value = id });
        return await command.ExecuteScalarAsync(ct) is string data ? JsonSerializer.Deserialize<T>(data, json) : null;
    }

    /// <summary>Several rows by id; those that are not there are left out.</summary>
    /// <typeparam name="T">The shape of the rows.</typeparam>
    /// <param name="kind">Which list.</param>
    /// <param name="ids">Which rows.</param>
    /// <param name="ct">Cancels the read.</param>
    public async Task<IReadOnlyDictionary<string, T>> FindMany<T>(string kind, IReadOnlyCollection<string> ids, CancellationToken ct)
        where T : class
    {
        await using var command = database.CreateCommand("select id, data from ap_views where kind = $1 and id = any($2)");
        command.Parameters.Add(new() { Value = kind });
        command.Parameters.Add(new() { Value = ids.ToArray() });
        var rows = new Dictionary<string, T>(StringComparer.Ordinal);
        await using var reader = await command.ExecuteReaderAsync(ct);
        while (await reader.ReadAsync(ct))
        {
            rows[reader.GetString(0)] = JsonSerializer.Deserialize<T>(reader.GetString(1), json)!;
        }

        return rows;
    }

    /// <inheritdoc/>
    public async Task<(IReadOnlyList<T> Rows, string? Next)> List<T>(ViewQuery query, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(query);
        var cursor = ViewCursor.Parse(query.After);
        var (compare, order) = query.Descending ? ("<", "desc") : (">", "asc");
        await using var command = database.CreateCommand(
            $"""
            select sort, id, data from ap_views
            where kind = $1 and ($2::varchar is null or tag = $2) and ($3::varchar is null or (sort, id) {compare} ($3, $4))
            order by sort {order}, id {order} limit $5
            """);
        command.Parameters.Add(new() { Value = query.Kind });
        command.Parameters.Add(new() { Value = (object?)query.Tag ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Varchar });
        command.Parameters.Add(new() { Value = (object?)cursor?.Sort ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Varchar });
        command.Parameters.Add(new() { Value = (object?)cursor?.Id ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Varchar });
        command.Parameters.Add(new() { Value = query.Limit + 1 });
        var rows = new List<T>();
        ViewCursor? last = null;
        await using var reader = await command.ExecuteReaderAsync(ct);
        while (await reader.ReadAsync(ct))
        {
            if (rows.Count == query.Limit)
            {
                return (rows, last!.ToString());
            }

            last = new ViewCursor(reader.GetString(0), reader.GetString(1));
            rows.Add(JsonSerializer.Deserialize<T>(reader.GetString(2), json)!);
        }

        return (rows, null);
    }

    /// <summary>The statement that stores a row, to be part of a unit of work.</summary>
    /// <param name="row">The row.</param>
    public NpgsqlBatchCommand Upsert(ViewRow row)
    {
        ArgumentNullException.ThrowIfNull(row);
        return new NpgsqlBatchCommand(
            """
            insert into ap_views (kind, id, sort, tag, data) values ($1, $2, $3, $4, $5)
            on conflict (kind, id) do update set sort = excluded.sort, tag = excluded.tag, data = excluded.data
            """)
        {
            Parameters =
            {
                new() { Value = row.Kind },
                new() { Value = row.Id },
                new() { Value = row.Sort },
                new() { Value = (object?)row.Tag ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Varchar },
                new() { Value = JsonSerializer.Serialize(row.Data, row.Data.GetType(), json), NpgsqlDbType = NpgsqlDbType.Jsonb },
            },
        };
    }

    /// <summary>The statement that removes a row, to be part of a unit of work.</summary>
    /// <param name="kind">Which list.</param>
    /// <param name="id">Which row.</param>
    public static NpgsqlBatchCommand Remove(string kind, string id) =>
        new("delete from ap_views where kind = $1 and id = $2") { Parameters = { new() { Value = kind }, new() { Value = id } } };
}
