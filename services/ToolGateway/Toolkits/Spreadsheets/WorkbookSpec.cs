using System.ComponentModel;
using System.Text.Json;
using AgentPlatform.ToolGateway.Toolkits.Office;

namespace AgentPlatform.ToolGateway.Toolkits.Spreadsheets;

/// <summary>A workbook as a model or a script writes it down.</summary>
public sealed record WorkbookSpec
{
    [Description("The sheets, in order.")]
    public required SheetSpec[] Sheets { get; init; }
}

public sealed record SheetSpec
{
    [Description("At most 31 characters, without []:*?/\\.")]
    public required string Name { get; init; }

    [Description("Rows of cells. A cell is a number, a text, a boolean, null, or an object {value | date (yyyy-mm-dd) | formula, format, bold}; a formula is written without '='.")]
    public required JsonElement[][] Rows { get; init; }

    [Description("The first row is a header: bold, filled, and kept in sight.")]
    public bool Header { get; init; } = true;

    [Description("Per column, from the left: width in characters and number format.")]
    public ColumnSpec[]? Columns { get; init; }

    public WorkbookChartSpec[]? Charts { get; init; }
}

public sealed record ColumnSpec
{
    [Description("In characters.")]
    public double? Width { get; init; }

    [Description("Number format for the column's numbers, such as #,##0.00 or 0.0% or yyyy-mm-dd.")]
    public string? Format { get; init; }
}

public sealed record WorkbookChartSpec
{
    public ChartKind Type { get; init; } = ChartKind.Bar;
    public string? Title { get; init; }

    [Description("Range of the labels, such as A2:A5, on the same sheet.")]
    public required string Categories { get; init; }

    [Description("The series; a pie has one.")]
    public required WorkbookSeriesSpec[] Series { get; init; }

    [Description("Cell of the upper left corner, such as F2.")]
    public string Anchor { get; init; } = "F2";

    [Description("Columns covered.")]
    public int Width { get; init; } = 8;

    [Description("Rows covered.")]
    public int Height { get; init; } = 16;
}

public sealed record WorkbookSeriesSpec
{
    [Description("A text, or the cell that holds the name, such as B1.")]
    public required string Name { get; init; }

    [Description("Range of the values, such as B2:B5, on the same sheet.")]
    public required string Values { get; init; }
}
