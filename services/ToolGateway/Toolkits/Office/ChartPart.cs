using System.Globalization;
using System.Xml.Linq;

namespace AgentPlatform.ToolGateway.Toolkits.Office;

/// <summary>Draws a chart part of DrawingML. Values are stored beside their ranges, so that it shows without anything being calculated.</summary>
internal static class ChartPart
{
    internal const string ContentType = "application/vnd.openxmlformats-officedocument.drawingml.chart+xml";
    internal const string RelationType = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/chart";
    internal static readonly XNamespace C = "http://schemas.openxmlformats.org/drawingml/2006/chart";
    internal static readonly XNamespace A = "http://schemas.openxmlformats.org/drawingml/2006/main";
    internal static readonly XNamespace R = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";

    // Colours that stay apart for colour-blind readers and on paper.
    private static readonly string[] Colours = ["1F5A8C", "E07B39", "3A8F6B", "B0413E", "7A5C99", "C9A227", "5B6770", "2FA4A9"];

    /// <summary>The chart; <paramref name="workbookId"/> relates it to an embedded workbook where there is one. <paramref name="fontSize"/> in hundredths of a point.</summary>
    internal static XElement Draw(ChartData chart, string? workbookId, int fontSize)
    {
        var plot = chart.Kind switch
        {
            ChartKind.Pie => new[] { Pie(chart) },
            ChartKind.Line => [Lines(chart), .. Axes(chart)],
            _ => [Bars(chart), .. Axes(chart)],
        };
        return new XElement(C + "chartSpace", new XAttribute(XNamespace.Xmlns + "c", C), new XAttribute(XNamespace.Xmlns + "a", A), new XAttribute(XNamespace.Xmlns + "r", R),
            Value("roundedCorners", "0"),
            new XElement(C + "chart",
                chart.Title is null ? null : new XElement(C + "title", new XElement(C + "tx", Rich(chart.Title, fontSize + 200)), Value("overlay", "0")),
                Value("autoTitleDeleted", chart.Title is null ? "1" : "0"),
                new XElement(C + "plotArea", new XElement(C + "layout"), plot),
                chart.Series.Count > 1 || chart.Kind == ChartKind.Pie
                    ? new XElement(C + "legend", Value("legendPos", chart.Kind == ChartKind.Pie ? "r" : "b"), Value("overlay", "0"))
                    : null,
                Value("plotVisOnly", "1"), Value("dispBlanksAs", "gap")),
            new XElement(C + "txPr", new XElement(A + "bodyPr"), new XElement(A + "lstStyle"),
                new XElement(A + "p", new XElement(A + "pPr", new XElement(A + "defRPr", new XAttribute("sz", fontSize))), new XElement(A + "endParaRPr", new XAttribute("lang", "en-US")))),
            workbookId is null ? null : new XElement(C + "externalData", new XAttribute(R + "id", workbookId), Value("autoUpdate", "0")));
    }

    private static XElement Bars(ChartData chart) => new(C + "barChart", Value("barDir", "col"), Value("grouping", "clustered"), Value("varyColors", "0"),
        chart.Series.Select((series, index) => Series(chart, series, index, Fill(index), Value("invertIfNegative", "0"))),
        Value("gapWidth", "80"), Value("axId", "111"), Value("axId", "112"));

    private static XElement Lines(ChartData chart) => new(C + "lineChart", Value("grouping", "standard"), Value("varyColors", "0"),
        chart.Series.Select((series, index) => Series(chart, series, index, Stroke(index), new XElement(C + "marker", Value("symbol", "circle"), Value("size", "6"), Fill(index)))
            .With(Value("smooth", "0"))),
        Value("marker", "1"), Value("axId", "111"), Value("axId", "112"));

    private static XElement Pie(ChartData chart)
    {
        var slices = chart.Series[0].Values.Select((_, index) => new XElement(C + "dPt", Value("idx", index), Value("bubble3D", "0"), Fill(index)));
        var labels = new XElement(C + "dLbls", Value("dLblPos", "outEnd"), Value("showLegendKey", "0"), Value("showVal", "0"), Value("showCatName", "0"), Value("showSerName", "0"),
            Value("showPercent", "1"), Value("showBubbleSize", "0"), Value("showLeaderLines", "0"));
        return new(C + "pieChart", Value("varyColors", "1"), Series(chart, chart.Series[0], 0, null, [.. slices, labels]), Value("firstSliceAng", "0"));
    }

    private static XElement Series(ChartData chart, ChartSeries series, int index, XElement? shape, params XElement[] details) => new(C + "ser",
        Value("idx", index), Value("order", index),
        new XElement(C + "tx", series.NameReference is { } reference
            ? new XElement(C + "strRef", new XElement(C + "f", reference), Texts([series.Name]))
            : new XElement(C + "v", series.Name)),
        shape, details,
        chart.Categories is { } categories ? new XElement(C + "cat", new XElement(C + "strRef", new XElement(C + "f", categories.Reference), Texts(categories.Texts))) : null,
        new XElement(C + "val", new XElement(C + "numRef", new XElement(C + "f", series.Reference), new XElement(C + "numCache",
            new XElement(C + "formatCode", chart.Format ?? "General"), Value("ptCount", series.Values.Count),
            series.Values.Select((value, at) => value is { } number
                ? new XElement(C + "pt", new XAttribute("idx", at), new XElement(C + "v", number.ToString("R", CultureInfo.InvariantCulture)))
                : null)))));

    private static XElement[] Axes(ChartData chart) =>
    [
        new(C + "catAx", Value("axId", "111"), new XElement(C + "scaling", Value("orientation", "minMax")), Value("delete", "0"), Value("axPos", "b"),
            Format("General"), Value("majorTickMark", "none"), Value("minorTickMark", "none"), Value("tickLblPos", "low"), Line("8A8F98"),
            Value("crossAx", "112"), Value("crosses", "autoZero"), Value("auto", "1"), Value("lblAlgn", "ctr"), Value("lblOffset", "100"), Value("noMultiLvlLbl", "0")),
        new(C + "valAx", Value("axId", "112"), new XElement(C + "scaling", Value("orientation", "minMax")), Value("delete", "0"), Value("axPos", "l"),
            new XElement(C + "majorGridlines", Line("D9DCE1")), Format(chart.Format ?? "General"), Value("majorTickMark", "none"),
            Value("minorTickMark", "none"), Value("tickLblPos", "nextTo"), new XElement(C + "spPr", new XElement(A + "ln", new XElement(A + "noFill"))),
            Value("crossAx", "111"), Value("crosses", "autoZero"), Value("crossBetween", "between")),
    ];

    private static XElement Texts(IReadOnlyList<string> texts) => new(C + "strCache", Value("ptCount", texts.Count),
        texts.Select((text, at) => new XElement(C + "pt", new XAttribute("idx", at), new XElement(C + "v", text))));

    private static XElement Rich(string text, int fontSize) => new(C + "rich", new XElement(A + "bodyPr"), new XElement(A + "lstStyle"),
        new XElement(A + "p", new XElement(A + "pPr", new XElement(A + "defRPr", new XAttribute("sz", fontSize), new XAttribute("b", "1"))),
            new XElement(A + "r", new XElement(A + "rPr", new XAttribute("lang", "en-US"), new XAttribute("sz", fontSize), new XAttribute("b", "1")), new XElement(A + "t", text))));

    private static XElement Fill(int index) => new(C + "spPr", Solid(Colours[index % Colours.Length]));

    private static XElement Stroke(int index) => new(C + "spPr", new XElement(A + "ln", new XAttribute("w", "28575"), new XAttribute("cap", "rnd"), Solid(Colours[index % Colours.Length])));

    private static XElement Line(string colour) => new(C + "spPr", new XElement(A + "ln", new XAttribute("w", "9525"), Solid(colour)));

    private static XElement Solid(string colour) => new(A + "solidFill", new XElement(A + "srgbClr", new XAttribute("val", colour)));

    private static XElement Format(string code) => new(C + "numFmt", new XAttribute("formatCode", code), new XAttribute("sourceLinked", "0"));

    private static XElement Value(string name, object value) => new(C + name, new XAttribute("val", value));

    private static XElement With(this XElement element, XElement last)
    {
        element.Add(last);
        return element;
    }
}
