namespace AgentPlatform.EventStore;

/// <summary>Rows that inline projections keep for queries, listed by keyset so that a page costs the same wherever it stands.</summary>
public interface IViews
{
    /// <summary>One row, or null.</summary>
    /// <typeparam name="T">The shape of the row.</typeparam>
    /// <param name="kind">Which list.</param>
    /// <param name="id">Which row.</param>
    /// <param name="ct">Cancels the read.</param>
    Task<T?> Find<T>(string kind, string id, CancellationToken ct)
        where T : class;

    /// <summary>A page of rows in the order of their sort text, then of their id; both by the bytes of their UTF-8.</summary>
    /// <typeparam name="T">The shape of a row.</typeparam>
    /// <param name="query">What to list.</param>
    /// <param name="ct">Cancels the read.</param>
    /// <returns>The rows and the cursor of the next page, null on the last one.</returns>
    /// <exception cref="FormatException">The cursor is not one that this method made.</exception>
    Task<(IReadOnlyList<T> Rows, string? Next)> List<T>(ViewQuery query, CancellationToken ct);
}

/// <summary>What to list.</summary>
/// <param name="Kind">Which list.</param>
/// <param name="Limit">Rows per page, at least 1.</param>
/// <param name="After">Cursor of the page before.</param>
/// <param name="Tag">Only rows with this tag.</param>
/// <param name="Descending">Highest sort text first.</param>
public sealed record ViewQuery(string Kind, int Limit, string? After = null, string? Tag = null, bool Descending = false);

internal sealed record ViewCursor(string Sort, string Id)
{
    public static ViewCursor? Parse(string? text)
    {
        if (text is null)
        {
            return null;
        }

        var parts = System.Text.Encoding.UTF8.GetString(Convert.FromBase64String(text.Replace('-', '+').Replace('_', '/'))).Split('\n');
        return parts.Length == 2 ? new ViewCursor(parts[0], parts[1]) : throw new FormatException($"'{text}' is not a page cursor");
    }

    public override string ToString() =>
        Convert.ToBase64String(System.Text.Encoding.UTF8.GetBytes($"{Sort}\n{Id}")).Replace('+', '-').Replace('/', '_');
}
