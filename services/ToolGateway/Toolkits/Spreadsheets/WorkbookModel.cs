using System.Buffers;
using System.Globalization;
using System.Text.Json;
using AgentPlatform.ToolGateway.Toolkits.Office;

namespace AgentPlatform.ToolGateway.Toolkits.Spreadsheets;

/// <summary>A cell to be written: a literal or a formula with the value computed for it.</summary>
internal sealed record ModelCell(object? Literal, string? Formula, string? Format, bool Bold);

/// <summary>A checked <see cref="WorkbookSpec"/> with every formula computed that can be.</summary>
internal sealed class WorkbookModel : ICellSource
{
    private static readonly SearchValues<char> NotInNames = SearchValues.Create("[]:*?/\\");
    private const int SheetsMax = 50, ChartsMax = 20;
    private readonly Dictionary<(string Sheet, CellAddress Cell), object?> computed = [];
    private readonly HashSet<(string Sheet, CellAddress Cell)> computing = [];
    private string currentSheet = "";

    private WorkbookModel(WorkbookSpec spec) => Spec = spec;

    public WorkbookSpec Spec { get; }
    public Dictionary<string, Dictionary<CellAddress, ModelCell>> Sheets { get; } = new(StringComparer.OrdinalIgnoreCase);

    /// <summary>Formulas left without a value, and why: <c>Sheet!B3: the function X is not computed here</c>.</summary>
    public List<string> NotComputed { get; } = [];

    public static WorkbookModel Build(WorkbookSpec spec, DocumentOptions options)
    {
        if (spec.Sheets.Length is 0 or > SheetsMax) throw Bad($"give 1 to {SheetsMax} sheets");
        var model = new WorkbookModel(spec);
        var cells = 0L;
        foreach (var sheet in spec.Sheets)
        {
            if (sheet.Name.Length is 0 or > 31 || sheet.Name.AsSpan().ContainsAny(NotInNames)) throw Bad($"the sheet name '{sheet.Name}' is not allowed: 1 to 31 characters without []:*?/\\");
            if (sheet.Rows.Length > options.RowsMax) throw Bad($"sheet '{sheet.Name}' has more than {options.RowsMax} rows");
            if ((cells += sheet.Rows.Sum(row => (long)row.Length)) > options.CellsMax) throw Bad($"there are more than {options.CellsMax} cells");
            if (sheet.Charts is { Length: > ChartsMax }) throw Bad($"sheet '{sheet.Name}' has more than {ChartsMax} charts");
            if (!model.Sheets.TryAdd(sheet.Name, ReadCells(sheet))) throw Bad($"there are two sheets named '{sheet.Name}'");
        }
        foreach (var (sheet, content) in model.Sheets)
        {
            foreach (var (address, cell) in content)
            {
                if (cell.Formula is not null) model.Compute(sheet, address, cell.Formula);
            }
        }
        return model;
    }

    /// <summary>The value a cell shows; null when empty or not computed.</summary>
    public object? Shown(string sheet, CellAddress address) =>
        !Sheets[sheet].TryGetValue(address, out var cell) ? null : cell.Formula is null ? cell.Literal : computed.GetValueOrDefault((sheet, address));

    object? ICellSource.Value(string? sheet, CellAddress address)
    {
        var name = sheet ?? currentSheet;
        if (!Sheets.TryGetValue(name, out var cells)) throw new FormulaException($"there is no sheet '{name}'");
        if (!cells.TryGetValue(address, out var cell)) return null;
        if (cell.Formula is null) return cell.Literal is DateTime date ? Serial(date) : cell.Literal;
        var key = (Sheets.Keys.First(key => key.Equals(name, StringComparison.OrdinalIgnoreCase)), address);
        if (!computed.TryGetValue(key, out var value)) value = Try(key.Item1, address, cell.Formula);
        return value;
    }

    internal static double Serial(DateTime date) => (date - new DateTime(1899, 12, 30)).TotalDays;

    internal static ToolRefusedException Bad(string cause) => new(FailureClass.InvalidArguments, $"The workbook cannot be written: {cause}.");

    private void Compute(string sheet, CellAddress address, string formula)
    {
        if (computed.ContainsKey((sheet, address))) return;
        try
        {
            _ = Try(sheet, address, formula);
        }
        catch (FormulaException reason)
        {
            NotComputed.Add($"{sheet}!{address}: {reason.Message}");
        }
    }

    private object? Try(string sheet, CellAddress address, string formula)
    {
        const int deepest = 500;
        if (computing.Count > deepest || !computing.Add((sheet, address))) throw new FormulaException($"{sheet}!{address} depends on itself, or the chain is longer than {deepest} cells");
        var before = currentSheet;
        currentSheet = sheet;
        try
        {
            return computed[(sheet, address)] = Formula.Evaluate(formula, this);
        }
        finally
        {
            currentSheet = before;
            computing.Remove((sheet, address));
        }
    }

    private static Dictionary<CellAddress, ModelCell> ReadCells(SheetSpec sheet)
    {
        var cells = new Dictionary<CellAddress, ModelCell>();
        for (var row = 0; row < sheet.Rows.Length; row++)
        {
            for (var column = 0; column < sheet.Rows[row].Length; column++)
            {
                var address = new CellAddress(row + 1, column + 1);
                var format = sheet.Columns is { } columns && column < columns.Length ? columns[column].Format : null;
                if (ReadCell(sheet.Rows[row][column], $"{sheet.Name}!{address}") is { } cell) cells[address] = cell.Format is null ? cell with { Format = format } : cell;
            }
        }
        return cells;
    }

    private static ModelCell? ReadCell(JsonElement json, string where)
    {
        if (json.ValueKind != JsonValueKind.Object) return Literal(json, where) is { } literal ? new(literal, null, null, Bold: false) : null;
        string? formula = null, format = null;
        object? value = null;
        var bold = false;
        foreach (var property in json.EnumerateObject())
        {
            switch (property.Name)
            {
                case "value": value = Literal(property.Value, where); break;
                case "formula": formula = Text(property.Value, where).TrimStart('='); break;
                case "format": format = Text(property.Value, where); break;
                case "bold": bold = property.Value.ValueKind == JsonValueKind.True; break;
                case "date": value = Date(Text(property.Value, where), where); format ??= "yyyy-mm-dd"; break;
                default: throw Bad($"{where} has an unknown member '{property.Name}'; known are value, date, formula, format, bold");
            }
        }
        return formula is not null && value is not null ? throw Bad($"{where} has both a formula and a value; its value is computed") : new(value, formula, format, bold);
    }

    private static object? Literal(JsonElement json, string where) => json.ValueKind switch
    {
        JsonValueKind.Number => json.GetDouble() is var number && double.IsFinite(number) ? number : throw Bad($"{where} is not a finite number"),
        JsonValueKind.String when json.GetString()!.Length <= 32_767 => json.GetString(),
        JsonValueKind.True => true,
        JsonValueKind.False => false,
        JsonValueKind.Null or JsonValueKind.Undefined => null,
        _ => throw Bad($"{where} is not a number, a text of at most 32,767 characters, a boolean or null"),
    };

    private static string Text(JsonElement json, string where) =>
        json.ValueKind == JsonValueKind.String ? json.GetString()! : throw Bad($"{where}: formula, format and date are texts");

    private static DateTime Date(string text, string where) =>
        DateTime.TryParseExact(text, ["yyyy-MM-dd", "yyyy-MM-ddTHH:mm:ss"], CultureInfo.InvariantCulture, DateTimeStyles.None, out var date) && date.Year >= 1900
            ? date
            : throw Bad($"{where}: '{text}' is not a date such as 2026-07-01");
}
