using System.ComponentModel;
using AgentPlatform.ToolGateway.Toolkits.Office;

namespace AgentPlatform.ToolGateway.Toolkits.Spreadsheets;

public sealed record ReadXlsxArguments
{
    [Description("Workbook to read, relative to the workspace.")]
    public required string Path { get; init; }

    [Description("Sheet name; the first sheet when not given.")]
    public string? Sheet { get; init; }

    [Description("Range such as A1:D20; everything used when not given.")]
    public string? Range { get; init; }
}

public sealed class ReadXlsx(DocumentOptions options) : Tool<ReadXlsxArguments>
{
    private const int CellsMax = 20_000;

    public override ToolSpec Spec { get; } = new()
    {
        Server = "documents", Name = "read_xlsx", Version = "1", Title = "Read a workbook", ReadOnly = true, Idempotent = true, InputSchema = Schema,
        Description = "Reads the stored values of a sheet or range of an Excel workbook as rows of JSON values, with the names of all sheets. Dates come as ISO texts, empty cells as null.",
    };

    protected override Task<ToolOutput> Run(ReadXlsxArguments arguments, ToolCall call, CancellationToken ct)
    {
        var sheets = WorkbookReader.Read(call.Workspace, arguments.Path, options);
        var sheet = sheets.Sheet(arguments.Sheet, arguments.Path);
        var range = sheet.Used;
        if (arguments.Range is { } wanted)
        {
            if (!CellRange.TryParse(wanted, out var parsed)) throw new ToolRefusedException(FailureClass.InvalidArguments, $"'{wanted}' is not a range such as A1:D20.");
            range = parsed;
        }
        if (range is { Count: > CellsMax }) throw new ToolRefusedException(FailureClass.TooLarge, $"The range has {range.Value.Count} cells, at most {CellsMax} are returned; read it in parts.");
        var rows = range is { } area
            ? Enumerable.Range(area.First.Row, area.Rows)
                .Select(row => Enumerable.Range(area.First.Column, area.Columns).Select(column => sheet.Cells.GetValueOrDefault(new(row, column))?.Json).ToArray()).ToArray()
            : [];
        return Task.FromResult(Done(new
        {
            arguments.Path,
            Sheet = sheet.Name,
            Sheets = sheets.Select(item => item.Name),
            Range = range is { } shown ? $"{shown.First}:{shown.Last}" : null,
            Rows = rows,
        }));
    }
}
