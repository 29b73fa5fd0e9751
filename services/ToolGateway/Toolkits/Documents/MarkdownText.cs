using System.Text;

namespace AgentPlatform.ToolGateway.Toolkits.Documents;

/// <summary>Writes Markdown with one blank line between blocks, whatever order they come in.</summary>
internal sealed class MarkdownText
{
    private readonly StringBuilder text = new();

    public int Length => text.Length;

    public void Block(string block)
    {
        block = block.Trim('\n').TrimEnd();
        if (block.Length == 0) return;
        if (text.Length > 0) text.Append('\n');
        text.Append(block).Append('\n');
    }

    /// <summary>A line that belongs to the block before it, such as the next item of a list.</summary>
    public void Line(string line) => text.Append(line.TrimEnd()).Append('\n');

    /// <summary>A table; the first row is its header. Short rows are filled up.</summary>
    public void Table(IReadOnlyList<IReadOnlyList<string>> rows)
    {
        if (rows.Count == 0) return;
        var width = rows.Max(row => row.Count);
        if (width == 0) return;
        if (text.Length > 0) text.Append('\n');
        for (var i = 0; i < rows.Count; i++)
        {
            text.Append('|');
            for (var column = 0; column < width; column++) text.Append(' ').Append(column < rows[i].Count ? Cell(rows[i][column]) : "").Append(" |");
            text.Append('\n');
            if (i == 0) text.Append('|').Insert(text.Length, " --- |", width).Append('\n');
        }
    }

    public override string ToString() => text.ToString();

    private static string Cell(string value) =>
        value.Trim().Replace("\\", "\\\\", StringComparison.Ordinal).Replace("|", "\\|", StringComparison.Ordinal)
            .ReplaceLineEndings("\n").Replace("\n", "<br>", StringComparison.Ordinal);
}
