using AgentPlatform.ToolGateway.Toolkits.Spreadsheets;

namespace AgentPlatform.ToolGateway.Toolkits.Documents;

/// <summary>Each sheet a heading and a table of what its cells show.</summary>
internal static class XlsxToMarkdown
{
    internal static void Convert(IReadOnlyList<SheetData> sheets, MarkdownText markdown)
    {
        foreach (var sheet in sheets)
        {
            markdown.Block($"## {sheet.Name}");
            if (sheet.Used is not { } used)
            {
                markdown.Block("(empty sheet)");
                continue;
            }
            // Rows with nothing in them are left out; a sheet with a note in row 10,000 would be mostly empty lines.
            var rows = sheet.Cells.Keys.Select(cell => cell.Row).Distinct().Order()
                .Select(row => (IReadOnlyList<string>)[.. Enumerable.Range(used.First.Column, used.Columns).Select(column => sheet.Cells.GetValueOrDefault(new(row, column))?.Text ?? "")]);
            markdown.Table([.. rows]);
            if (sheet.Charts > 0) markdown.Block($"({sheet.Charts} chart{(sheet.Charts == 1 ? "" : "s")} on this sheet)");
        }
    }
}
