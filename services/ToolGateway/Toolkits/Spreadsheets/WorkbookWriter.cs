using System.Globalization;
using System.Xml.Linq;
using AgentPlatform.ToolGateway.Toolkits.Office;

namespace AgentPlatform.ToolGateway.Toolkits.Spreadsheets;

/// <summary>Writes a workbook model as SpreadsheetML, the same bytes for the same model.</summary>
internal static class WorkbookWriter
{
    private const string Main = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml";
    private const string SheetType = "application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml";
    private const string StylesType = "application/vnd.openxmlformats-officedocument.spreadsheetml.styles+xml";
    private const string DrawingType = "application/vnd.openxmlformats-officedocument.drawing+xml";
    private const string Relation = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/";
    private const double RowHeight = 15, HeaderHeight = 21;
    private static readonly XNamespace S = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
    private static readonly XNamespace D = "http://schemas.openxmlformats.org/drawingml/2006/spreadsheetDrawing";
    private static readonly XNamespace R = ChartPart.R, A = ChartPart.A, C = ChartPart.C;

    internal static byte[] Write(WorkbookModel model)
    {
        var output = new OfficeOutput();
        var styles = new WorkbookStyles();
        output.Relate("", Relation + "officeDocument", "xl/workbook.xml");
        var sheets = new XElement(S + "sheets");
        var charts = 0;
        for (var i = 0; i < model.Spec.Sheets.Length; i++)
        {
            var spec = model.Spec.Sheets[i];
            var path = $"xl/worksheets/sheet{i + 1}.xml";
            var id = output.Relate("xl/workbook.xml", Relation + "worksheet", path);
            sheets.Add(new XElement(S + "sheet", new XAttribute("name", spec.Name), new XAttribute("sheetId", i + 1), new XAttribute(R + "id", id)));
            output.Add(path, SheetType, Sheet(output, path, model, spec, styles, first: i == 0, ref charts));
        }
        output.Relate("xl/workbook.xml", Relation + "styles", "xl/styles.xml");
        output.Add("xl/styles.xml", StylesType, styles.Draw());
        output.Add("xl/workbook.xml", Main, new XElement(S + "workbook", new XAttribute(XNamespace.Xmlns + "r", R),
            new XElement(S + "bookViews", new XElement(S + "workbookView", new XAttribute("activeTab", 0))), sheets,
            // Viewers that calculate do so once on opening, so a formula we could not compute still shows its value there.
            new XElement(S + "calcPr", new XAttribute("calcId", 191029), new XAttribute("fullCalcOnLoad", 1))));
        return output.Pack();
    }

    private static XElement Sheet(OfficeOutput output, string path, WorkbookModel model, SheetSpec spec, WorkbookStyles styles, bool first, ref int charts)
    {
        var cells = model.Sheets[spec.Name];
        var view = new XElement(S + "sheetView", first ? new XAttribute("tabSelected", 1) : null, new XAttribute("workbookViewId", 0));
        if (spec.Header && spec.Rows.Length > 1)
        {
            view.Add(new XElement(S + "pane", new XAttribute("ySplit", 1), new XAttribute("topLeftCell", "A2"), new XAttribute("activePane", "bottomLeft"), new XAttribute("state", "frozen")),
                new XElement(S + "selection", new XAttribute("pane", "bottomLeft")));
        }
        var rows = cells.GroupBy(cell => cell.Key.Row).OrderBy(row => row.Key).Select(row => new XElement(S + "row", new XAttribute("r", row.Key),
            spec.Header && row.Key == 1 ? new XAttribute[] { new("ht", HeaderHeight), new("customHeight", 1) } : null,
            row.OrderBy(cell => cell.Key.Column).Select(cell => Cell(cell.Key, cell.Value, model.Shown(spec.Name, cell.Key), styles, spec.Header && cell.Key.Row == 1))));
        return new XElement(S + "worksheet", new XAttribute(XNamespace.Xmlns + "r", R),
            new XElement(S + "sheetPr", new XElement(S + "pageSetUpPr", new XAttribute("fitToPage", 1))),
            new XElement(S + "sheetViews", view),
            new XElement(S + "sheetFormatPr", new XAttribute("defaultRowHeight", RowHeight)),
            Columns(spec, cells, model),
            new XElement(S + "sheetData", rows),
            new XElement(S + "pageSetup", new XAttribute("orientation", "landscape"), new XAttribute("fitToWidth", 1), new XAttribute("fitToHeight", 0)),
            spec.Charts is { Length: > 0 } drawn ? new XElement(S + "drawing", new XAttribute(R + "id", Drawing(output, path, model, spec, drawn, ref charts))) : null);
    }

    private static XElement? Columns(SheetSpec spec, Dictionary<CellAddress, ModelCell> cells, WorkbookModel model)
    {
        const double narrowest = 8, widest = 60, padding = 2.5;
        var count = cells.Count == 0 ? 0 : cells.Keys.Max(cell => cell.Column);
        if (count == 0) return null;
        var longest = new int[count];
        foreach (var address in cells.Keys)
        {
            var shown = model.Shown(spec.Name, address);
            var length = shown is double number ? number.ToString("#,##0.00", CultureInfo.InvariantCulture).Length : shown is DateTime ? 10 : $"{shown}".Length;
            longest[address.Column - 1] = Math.Max(longest[address.Column - 1], length);
        }
        return new XElement(S + "cols", longest.Select((length, i) =>
        {
            var width = spec.Columns is { } columns && i < columns.Length && columns[i].Width is { } given ? given : length + padding;
            return new XElement(S + "col", new XAttribute("min", i + 1), new XAttribute("max", i + 1), new XAttribute("width", Math.Clamp(width, narrowest, widest)), new XAttribute("customWidth", 1));
        }));
    }

    private static XElement Cell(CellAddress address, ModelCell cell, object? shown, WorkbookStyles styles, bool header)
    {
        var style = styles.Index(cell.Format, cell.Bold || header, header); // A header over numbers stands to the right like them.
        var element = new XElement(S + "c", new XAttribute("r", address), style == 0 ? null : new XAttribute("s", style));
        var formula = cell.Formula is null ? null : new XElement(S + "f", cell.Formula);
        switch (shown)
        {
            case string text when formula is null:
                element.Add(new XAttribute("t", "inlineStr"), new XElement(S + "is", new XElement(S + "t", new XAttribute(XNamespace.Xml + "space", "preserve"), text)));
                break;
            case string text:
                element.Add(new XAttribute("t", "str"), formula, new XElement(S + "v", text));
                break;
            case bool truth:
                element.Add(new XAttribute("t", "b"), formula, new XElement(S + "v", truth ? 1 : 0));
                break;
            case double number:
                element.Add(formula, new XElement(S + "v", number.ToString("R", CultureInfo.InvariantCulture)));
                break;
            case DateTime date:
                element.Add(formula, new XElement(S + "v", WorkbookModel.Serial(date).ToString("R", CultureInfo.InvariantCulture)));
                break;
            default:
                element.Add(formula);
                break;
        }
        return element;
    }

    private static string Drawing(OfficeOutput output, string sheetPath, WorkbookModel model, SheetSpec spec, WorkbookChartSpec[] drawn, ref int charts)
    {
        var drawingPath = sheetPath.Replace("worksheets/sheet", "drawings/drawing", StringComparison.Ordinal);
        var drawing = new XElement(D + "wsDr", new XAttribute(XNamespace.Xmlns + "xdr", D), new XAttribute(XNamespace.Xmlns + "a", A));
        foreach (var chart in drawn)
        {
            var chartPath = $"xl/charts/chart{++charts}.xml";
            output.Add(chartPath, ChartPart.ContentType, ChartPart.Draw(ChartReader.Read(model, spec.Name, chart), workbookId: null, fontSize: 900));
            var id = output.Relate(drawingPath, ChartPart.RelationType, chartPath);
            if (!CellAddress.TryParse(chart.Anchor, out var corner)) throw WorkbookModel.Bad($"the chart's anchor '{chart.Anchor}' is not a cell such as F2");
            if (chart.Width is < 1 or > 100 || chart.Height is < 1 or > 200) throw WorkbookModel.Bad("a chart covers 1 to 100 columns and 1 to 200 rows");
            drawing.Add(new XElement(D + "twoCellAnchor",
                Corner("from", corner.Column - 1, corner.Row - 1), Corner("to", corner.Column - 1 + chart.Width, corner.Row - 1 + chart.Height),
                new XElement(D + "graphicFrame", new XAttribute("macro", ""),
                    new XElement(D + "nvGraphicFramePr",
                        new XElement(D + "cNvPr", new XAttribute("id", charts + 1), new XAttribute("name", $"Chart {charts}"), new XAttribute("descr", chart.Title ?? $"Chart {charts}")),
                        new XElement(D + "cNvGraphicFramePr")),
                    new XElement(D + "xfrm", new XElement(A + "off", new XAttribute("x", 0), new XAttribute("y", 0)), new XElement(A + "ext", new XAttribute("cx", 0), new XAttribute("cy", 0))),
                    new XElement(A + "graphic", new XElement(A + "graphicData", new XAttribute("uri", C.NamespaceName),
                        new XElement(C + "chart", new XAttribute(XNamespace.Xmlns + "c", C), new XAttribute(XNamespace.Xmlns + "r", R), new XAttribute(R + "id", id))))),
                new XElement(D + "clientData")));
        }
        output.Add(drawingPath, DrawingType, drawing);
        return output.Relate(sheetPath, Relation + "drawing", drawingPath);
    }

    private static XElement Corner(string name, int column, int row) =>
        new(D + name, new XElement(D + "col", column), new XElement(D + "colOff", 0), new XElement(D + "row", row), new XElement(D + "rowOff", 0));
}
