using System.Globalization;
using System.Xml;
using AgentPlatform.ToolGateway.Toolkits.Office;
using AgentPlatform.ToolGateway.Workspaces;
using DocumentFormat.OpenXml.Packaging;
using DocumentFormat.OpenXml.Spreadsheet;

namespace AgentPlatform.ToolGateway.Toolkits.Spreadsheets;

/// <summary>Reads the stored values of a workbook. Nothing is calculated: what the file says is what comes back.</summary>
internal static class WorkbookReader
{
    internal static IReadOnlyList<SheetData> Read(Workspace workspace, string path, DocumentOptions options)
    {
        using var file = OfficeInput.Open(workspace, path, options);
        try
        {
            using var document = SpreadsheetDocument.Open(file, isEditable: false);
            var book = document.WorkbookPart ?? throw new InvalidDataException("it has no workbook part.");
            var texts = book.SharedStringTablePart?.SharedStringTable.Elements<SharedStringItem>().Select(item => TextOf(item)).ToArray() ?? [];
            var styles = new DateStyles(book);
            var epoch = book.Workbook.WorkbookProperties?.Date1904?.Value == true ? new DateTime(1904, 1, 1) : new DateTime(1899, 12, 30);
            var budget = options.CellsMax;
            var sheets = new List<SheetData>();
            foreach (var sheet in book.Workbook.Sheets?.Elements<Sheet>() ?? [])
            {
                // Chart sheets have a part of another kind and no cells.
                if (sheet.Id?.Value is not { } id || book.GetPartById(id) is not WorksheetPart part) continue;
                var cells = ReadCells(part, texts, styles, epoch, path, options, ref budget);
                CellRange? used = cells.Count == 0 ? null : new(
                    new(cells.Keys.Min(cell => cell.Row), cells.Keys.Min(cell => cell.Column)), new(cells.Keys.Max(cell => cell.Row), cells.Keys.Max(cell => cell.Column)));
                sheets.Add(new(sheet.Name?.Value ?? $"Sheet{sheets.Count + 1}", cells, used, part.DrawingsPart?.ChartParts.Count() ?? 0));
            }
            return sheets;
        }
        catch (Exception error) when (error is OpenXmlPackageException or InvalidDataException or XmlException or FileFormatException or FormatException or ArgumentOutOfRangeException)
        {
            throw OfficeInput.Unreadable(path, "a workbook", error);
        }
    }

    internal static SheetData Sheet(this IReadOnlyList<SheetData> sheets, string? name, string path) =>
        (name is null ? (sheets.Count > 0 ? sheets[0] : null) : sheets.FirstOrDefault(sheet => sheet.Name.Equals(name, StringComparison.OrdinalIgnoreCase)))
        ?? throw new ToolRefusedException(FailureClass.NotFound, $"'{path}' has no sheet '{name}'; it has {string.Join(", ", sheets.Select(sheet => $"'{sheet.Name}'"))}.");

    private static Dictionary<CellAddress, SheetCell> ReadCells(
        WorksheetPart part, string[] texts, DateStyles styles, DateTime epoch, string path, DocumentOptions options, ref int budget)
    {
        var cells = new Dictionary<CellAddress, SheetCell>();
        var rows = 0;
        // The streaming reader: a sheet of a million cells as a tree would take gigabytes.
        using var reader = DocumentFormat.OpenXml.OpenXmlReader.Create(part);
        while (reader.Read())
        {
            if (reader.ElementType == typeof(Row) && reader.IsStartElement && ++rows > options.RowsMax)
                throw new ToolRefusedException(FailureClass.TooLarge, $"'{path}' has a sheet with more than {options.RowsMax} rows; split it.");
            if (reader.ElementType != typeof(Cell) || !reader.IsStartElement) continue;
            var cell = (Cell)reader.LoadCurrentElement()!;
            if (!CellAddress.TryParse(cell.CellReference?.Value ?? "", out var address)) continue;
            var read = ReadCell(cell, texts, styles, epoch);
            if (read is { Value: null, Formula: null, Error: null }) continue;
            if (--budget < 0) throw new ToolRefusedException(FailureClass.TooLarge, $"'{path}' has more than {options.CellsMax} cells; split it.");
            cells[address] = read;
        }
        return cells;
    }

    private static SheetCell ReadCell(Cell cell, string[] texts, DateStyles styles, DateTime epoch)
    {
        var formula = cell.CellFormula?.Text is { Length: > 0 } text ? text : null;
        var stored = cell.CellValue?.Text;
        // The type is an enum in this version of the SDK, so it can be switched on.
        switch (cell.DataType?.Value)
        {
            case CellValues.SharedString:
                return new(int.TryParse(stored, CultureInfo.InvariantCulture, out var index) && index >= 0 && index < texts.Length ? texts[index] : null, formula, null);
            case CellValues.InlineString:
                return new(cell.InlineString is { } inline ? TextOf(inline) : null, formula, null);
            case CellValues.String:
                return new(stored, formula, null);
            case CellValues.Boolean:
                return new(stored is "1" or "true", formula, null);
            case CellValues.Error:
                return new(null, formula, stored ?? "#ERROR");
            case CellValues.Date:
                return new(stored is null ? null : DateTime.Parse(stored, CultureInfo.InvariantCulture), formula, null);
            default:
                if (!double.TryParse(stored, NumberStyles.Float, CultureInfo.InvariantCulture, out var number)) return new(null, formula, null);
                var isDate = styles.IsDate(cell.StyleIndex?.Value) && number is > 0 and < 2_958_466;
                return new(isDate ? epoch.AddSeconds(Math.Round(number * 86_400)) : number, formula, null);
        }
    }

    // Phonetic runs hold the reading of a word, not its text.
    private static string TextOf(RstType item) =>
        string.Concat(item.Descendants<Text>().Where(text => text.Parent is not PhoneticRun).Select(text => text.Text));

    /// <summary>Which cell styles show a date.</summary>
    private sealed class DateStyles
    {
        private readonly bool[] dates;

        public DateStyles(WorkbookPart book)
        {
            var sheet = book.WorkbookStylesPart?.Stylesheet;
            var custom = sheet?.NumberingFormats?.Elements<NumberingFormat>().ToDictionary(format => format.NumberFormatId?.Value ?? 0, format => format.FormatCode?.Value ?? "") ?? [];
            dates = sheet?.CellFormats?.Elements<CellFormat>().Select(format => IsDateFormat(format.NumberFormatId?.Value ?? 0, custom)).ToArray() ?? [];
        }

        public bool IsDate(uint? style) => style is { } index && index < dates.Length && dates[index];

        private static bool IsDateFormat(uint id, Dictionary<uint, string> custom)
        {
            if (id is (>= 14 and <= 22) or (>= 27 and <= 36) or (>= 45 and <= 47)) return true;
            if (!custom.TryGetValue(id, out var code)) return false;
            var (quoted, bracketed) = (false, false);
            for (var i = 0; i < code.Length; i++)
            {
                if (code[i] is '\\' or '_' or '*') i++; // The next character is shown as it is.
                else if (code[i] == '"') quoted = !quoted;
                else if (code[i] == '[') bracketed = true;
                else if (code[i] == ']') bracketed = false;
                else if (!quoted && !bracketed && code[i] is 'd' or 'D' or 'y' or 'Y' or 'h' or 'H' or 'm' or 'M' or 's' or 'S') return !code.StartsWith("General", StringComparison.OrdinalIgnoreCase);
            }
            return false;
        }
    }
}
