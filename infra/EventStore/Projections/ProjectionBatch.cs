using Npgsql;

namespace AgentPlatform.EventStore;

/// <summary>The changes of one transaction of a projection, and the rows as they are with these changes.</summary>
/// <remarks>
/// Rows are read before the transaction begins. That is safe because nobody else writes them, and because a leader that lost its place in between is refused.
/// </remarks>
public sealed class ProjectionBatch
{
    internal const string NextViews = "~next";
    internal const string NextTables = "__next";
    private readonly Projection _projection;
    private readonly Views _views;
    private readonly bool _next;
    private readonly Dictionary<(string Kind, string Id), ViewRow?> _changed = [];
    private readonly Dictionary<(string Kind, string Id), object?> _loaded = [];
    private readonly List<NpgsqlBatchCommand> _commands = [];

    internal ProjectionBatch(Projection projection, Views views, bool next) => (_projection, _views, _next) = (projection, views, next);

    /// <summary>One row of a list of this projection, or null.</summary>
    /// <typeparam name="T">The shape of the row.</typeparam>
    /// <param name="kind">One of <see cref="Projection.Views"/>.</param>
    /// <param name="id">Which row.</param>
    /// <param name="ct">Cancels the read.</param>
    public async Task<T?> Find<T>(string kind, string id, CancellationToken ct)
        where T : class
    {
        if (_changed.TryGetValue((kind, id), out var changed))
        {
            return (T?)changed?.Data;
        }

        if (!_loaded.TryGetValue((kind, id), out var loaded))
        {
            loaded = _loaded[(kind, id)] = await _views.Find<T>(Stored(kind), id, ct);
        }

        return (T?)loaded;
    }

    /// <summary>Reads many rows in one round trip, so that <see cref="Find{T}"/> has them at hand.</summary>
    /// <typeparam name="T">The shape of the rows.</typeparam>
    /// <param name="kind">One of <see cref="Projection.Views"/>.</param>
    /// <param name="ids">Which rows.</param>
    /// <param name="ct">Cancels the read.</param>
    public async Task Load<T>(string kind, IEnumerable<string> ids, CancellationToken ct)
        where T : class
    {
        var missing = ids.Where(id => !_changed.ContainsKey((kind, id)) && !_loaded.ContainsKey((kind, id))).Distinct(StringComparer.Ordinal).ToArray();
        if (missing.Length == 0)
        {
            return;
        }

        var found = await _views.FindMany<T>(Stored(kind), missing, ct);
        foreach (var id in missing)
        {
            _loaded[(kind, id)] = found.GetValueOrDefault(id);
        }
    }

    /// <summary>Stores a row.</summary>
    /// <param name="row">Its kind is one of <see cref="Projection.Views"/>; its data is not changed afterwards.</param>
    public void Upsert(ViewRow row)
    {
        ArgumentNullException.ThrowIfNull(row);
        Stored(row.Kind);
        _changed[(row.Kind, row.Id)] = row;
    }

    /// <summary>Removes a row; none is fine too.</summary>
    /// <param name="kind">One of <see cref="Projection.Views"/>.</param>
    /// <param name="id">Which row.</param>
    public void Delete(string kind, string id)
    {
        Stored(kind);
        _changed[(kind, id)] = null;
    }

    /// <summary>Adds a statement over tables of one's own.</summary>
    /// <param name="command">Positional parameters only; tables by <see cref="Table"/>.</param>
    public void Execute(NpgsqlBatchCommand command) => _commands.Add(command);

    /// <summary>The table to write to: the one that is served, or the one that is being built beside it.</summary>
    /// <param name="name">One of <see cref="Projection.Tables"/>.</param>
    public string Table(string name) =>
        _projection.Tables.Contains(name)
            ? $"\"{name}{(_next ? NextTables : string.Empty)}\""
            : throw new InvalidOperationException($"{_projection.Name} wrote to the table '{name}' and does not name it among its Tables");

    internal IEnumerable<NpgsqlBatchCommand> Commands()
    {
        foreach (var ((kind, id), row) in _changed)
        {
            yield return row is null ? EventStore.Views.Remove(Stored(kind), id) : _views.Upsert(row with { Kind = Stored(kind) });
        }

        foreach (var command in _commands)
        {
            yield return command;
        }
    }

    private string Stored(string kind) =>
        _projection.Views.Contains(kind)
            ? kind + (_next ? NextViews : string.Empty)
            : throw new InvalidOperationException($"{_projection.Name} used the list '{kind}' and does not name it among its Views");
}
