using AgentPlatform.ToolGateway.Toolkits.Office;

namespace AgentPlatform.ToolGateway.Toolkits.Spreadsheets;

/// <summary>Takes a chart's names and values from the ranges it names.</summary>
internal static class ChartReader
{
    private const int PointsMax = 5000, SeriesMax = 20;

    internal static ChartData Read(WorkbookModel model, string sheet, WorkbookChartSpec chart)
    {
        if (chart.Series.Length is 0 or > SeriesMax) throw WorkbookModel.Bad($"a chart has 1 to {SeriesMax} series");
        var quoted = $"'{sheet.Replace("'", "''", StringComparison.Ordinal)}'!";
        var categories = Range(chart.Categories);
        var texts = categories.Cells.Select(cell => Text(model.Shown(sheet, cell))).ToList();
        var series = chart.Series.Select(item => Series(model, sheet, quoted, item)).ToList();
        if (series.Any(item => item.Values.Count != texts.Count)) throw WorkbookModel.Bad($"the series of the chart '{chart.Title}' and its categories {chart.Categories} differ in length");
        var format = model.Sheets[sheet].GetValueOrDefault(Range(chart.Series[0].Values).First)?.Format;
        return new(chart.Type, chart.Title, new(quoted + categories.Absolute, texts), series, format);
    }

    private static ChartSeries Series(WorkbookModel model, string sheet, string quoted, WorkbookSeriesSpec item)
    {
        var range = Range(item.Values);
        var values = range.Cells.Select(cell => model.Shown(sheet, cell) as double?).ToList();
        if (values.All(value => value is null)) throw WorkbookModel.Bad($"the range {item.Values} of the series '{item.Name}' holds no numbers");
        return CellRange.TryParse(item.Name, out var name) && name.Count == 1
            ? new(Text(model.Shown(sheet, name.First)), quoted + name.Absolute, quoted + range.Absolute, values)
            : new(item.Name, null, quoted + range.Absolute, values);
    }

    private static string Text(object? value) => new SheetCell(value, null, null).Text;

    private static CellRange Range(string text) =>
        CellRange.TryParse(text, out var range) && range.Count <= PointsMax && (range.Rows == 1 || range.Columns == 1)
            ? range
            : throw WorkbookModel.Bad($"'{text}' is not a row or column of at most {PointsMax} cells, such as B2:B9");
}
