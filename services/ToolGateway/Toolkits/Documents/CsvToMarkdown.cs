using System.Globalization;
using AgentPlatform.ToolGateway.Toolkits.Office;
using CsvHelper;
using CsvHelper.Configuration;

namespace AgentPlatform.ToolGateway.Toolkits.Documents;

/// <summary>Delimited text as a table. The delimiter is found in the first lines, because files named .csv come with commas, semicolons, tabs and bars.</summary>
internal static class CsvToMarkdown
{
    private const int SniffedLines = 20;

    internal static void Convert(string content, string path, DocumentOptions options, MarkdownText markdown)
    {
        var configuration = new CsvConfiguration(CultureInfo.InvariantCulture)
        {
            Delimiter = Sniff(content, path),
            HasHeaderRecord = false,
            BadDataFound = null, // A quote inside an unquoted field is kept as it stands rather than losing the row.
            DetectColumnCountChanges = false,
        };
        using var reader = new CsvReader(new StringReader(content), configuration);
        var rows = new List<IReadOnlyList<string>>();
        var cells = 0;
        while (reader.Read())
        {
            var row = reader.Parser.Record ?? [];
            rows.Add(row);
            if (rows.Count > options.RowsMax || (cells += row.Length) > options.CellsMax)
                throw new ToolRefusedException(FailureClass.TooLarge, $"'{path}' has more than {options.RowsMax} rows or {options.CellsMax} cells; split it.");
        }
        markdown.Table(rows);
    }

    private static string Sniff(string content, string path)
    {
        if (path.EndsWith(".tsv", StringComparison.OrdinalIgnoreCase)) return "\t";
        var counts = new Dictionary<char, List<int>> { [','] = [], [';'] = [], ['\t'] = [], ['|'] = [] };
        var quoted = false;
        var current = counts.Keys.ToDictionary(key => key, _ => 0);
        var lines = 0;
        foreach (var letter in content)
        {
            if (letter == '"') quoted = !quoted;
            if (quoted) continue;
            if (letter == '\n')
            {
                foreach (var key in counts.Keys) counts[key].Add(current[key]);
                foreach (var key in counts.Keys) current[key] = 0;
                if (++lines == SniffedLines) break;
            }
            else if (current.TryGetValue(letter, out var count))
            {
                current[letter] = count + 1;
            }
        }
        if (lines == 0) foreach (var key in counts.Keys) counts[key].Add(current[key]);
        // The delimiter stands equally often in every line; among those the most frequent one wins, and a comma when nothing does.
        var best = counts.Where(item => item.Value[0] > 0).OrderByDescending(item => item.Value.Count(count => count == item.Value[0])).ThenByDescending(item => item.Value[0]).ToList();
        return best.Count == 0 ? "," : best[0].Key.ToString();
    }
}
