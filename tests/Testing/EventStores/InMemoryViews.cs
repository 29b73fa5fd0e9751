using System.Text;
using System.Text.Json;
using AgentPlatform.EventStore;

namespace AgentPlatform.Testing.EventStores;

/// <summary>The views of <see cref="InMemoryEventStore"/>.</summary>
internal sealed class InMemoryViews(JsonSerializerOptions json) : IViews
{
    private readonly Dictionary<(string Kind, string Id), Row> _rows = [];
    private readonly Lock _gate = new();

    public void Upsert(ViewRow row)
    {
        lock (_gate)
        {
            _rows[(row.Kind, row.Id)] = new Row(new ViewCursor(row.Sort, row.Id), row.Tag, JsonSerializer.SerializeToUtf8Bytes(row.Data, row.Data.GetType(), json));
        }
    }

    public Task<T?> Find<T>(string kind, string id, CancellationToken ct)
        where T : class
    {
        ct.ThrowIfCancellationRequested();
        lock (_gate)
        {
            return Task.FromResult(_rows.TryGetValue((kind, id), out var row) ? JsonSerializer.Deserialize<T>(row.Data, json) : null);
        }
    }

    public Task<(IReadOnlyList<T> Rows, string? Next)> List<T>(ViewQuery query, CancellationToken ct)
    {
        ct.ThrowIfCancellationRequested();
        var direction = query.Descending ? -1 : 1;
        var after = ViewCursor.Parse(query.After);
        List<Row> rows;
        lock (_gate)
        {
            rows =
            [
                .. _rows.Where(row => row.Key.Kind == query.Kind && (query.Tag is null || row.Value.Tag == query.Tag)).Select(row => row.Value)
                    .Where(row => after is null || direction * Compare(row.Place, after) > 0)
                    .Order(Comparer<Row>.Create((a, b) => direction * Compare(a.Place, b.Place)))
                    .Take(query.Limit + 1),
            ];
        }

        IReadOnlyList<T> page = [.. rows.Take(query.Limit).Select(row => JsonSerializer.Deserialize<T>(row.Data, json)!)];
        return Task.FromResult((page, rows.Count > query.Limit ? rows[query.Limit - 1].Place.ToString() : null));
    }

    private static int Compare(ViewCursor a, ViewCursor b) => Bytes(a.Sort, b.Sort) is var bySort and not 0 ? bySort : Bytes(a.Id, b.Id);

    // Collation "C" of PostgreSQL.
    private static int Bytes(string a, string b) => Encoding.UTF8.GetBytes(a).AsSpan().SequenceCompareTo(Encoding.UTF8.GetBytes(b));

    private sealed record Row(ViewCursor Place, string? Tag, byte[] Data);
}
