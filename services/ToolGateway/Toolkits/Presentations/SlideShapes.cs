using System.Runtime.InteropServices;
using System.Text.Json;
using System.Xml.Linq;
using AgentPlatform.ToolGateway.Toolkits.Office;

namespace AgentPlatform.ToolGateway.Toolkits.Presentations;

/// <summary>A rectangle on a slide, in EMU (914,400 to the inch).</summary>
[StructLayout(LayoutKind.Auto)]
internal readonly record struct Area(long Left, long Top, long Width, long Height);

/// <summary>The shapes that slides are made of.</summary>
internal static class SlideShapes
{
    internal const long Width = 12192000, Height = 6858000, Gap = 300000;
    internal static readonly Area Body = new(609600, 1600200, 10972800, 4525963);
    internal static readonly XNamespace P = "http://schemas.openxmlformats.org/presentationml/2006/main";
    internal static readonly XNamespace A = ChartPart.A, R = ChartPart.R, C = ChartPart.C;

    internal static XAttribute[] Namespaces => [new(XNamespace.Xmlns + "a", A), new(XNamespace.Xmlns + "r", R), new(XNamespace.Xmlns + "p", P)];

    /// <summary>The frame every slide, layout and master has around its shapes.</summary>
    internal static XElement Tree(string root, XElement? background, IEnumerable<XElement> shapes, params object?[] after) => new(P + root, Namespaces,
        new XElement(P + "cSld", background, new XElement(P + "spTree",
            new XElement(P + "nvGrpSpPr", Named(1, ""), new XElement(P + "cNvGrpSpPr"), new XElement(P + "nvPr")),
            new XElement(P + "grpSpPr"), shapes)),
        after.Length > 0 ? after : new XElement(P + "clrMapOvr", new XElement(A + "masterClrMapping")));

    internal static XElement Placeholder(int id, string name, string? type, int? index, IEnumerable<XElement> paragraphs, Area? area = null, XElement? listStyle = null) => new(P + "sp",
        new XElement(P + "nvSpPr", Named(id, name), new XElement(P + "cNvSpPr", new XElement(A + "spLocks", new XAttribute("noGrp", 1))),
            new XElement(P + "nvPr", new XElement(P + "ph", type is null ? null : new XAttribute("type", type), index is null ? null : new XAttribute("idx", index)))),
        new XElement(P + "spPr", area is { } place ? Place(A, place) : null),
        new XElement(P + "txBody", new XElement(A + "bodyPr", new XElement(A + "normAutofit")), listStyle ?? new XElement(A + "lstStyle"), paragraphs));

    internal static XElement SlideImage(int id, Area? area = null) => new(P + "sp",
        new XElement(P + "nvSpPr", Named(id, "Slide image"), new XElement(P + "cNvSpPr", new XElement(A + "spLocks", new XAttribute("noGrp", 1), new XAttribute("noRot", 1), new XAttribute("noChangeAspect", 1))),
            new XElement(P + "nvPr", new XElement(P + "ph", new XAttribute("type", "sldImg"), area is null ? null : new XAttribute("idx", 2)))),
        new XElement(P + "spPr", area is { } place ? Place(A, place) : null, area is null ? null : new XElement(A + "prstGeom", new XAttribute("prst", "rect"), new XElement(A + "avLst"))));

    internal static XElement Paragraph(string text, int level, int? size = null, bool bold = false, string? colour = null, string? align = null) => new(A + "p",
        level == 0 && align is null ? null : new XElement(A + "pPr", level == 0 ? null : new XAttribute("lvl", level), align is null ? null : new XAttribute("algn", align)),
        new XElement(A + "r", new XElement(A + "rPr", new XAttribute("lang", "en-US"), size is null ? null : new XAttribute("sz", size), bold ? new XAttribute("b", 1) : null,
            colour is null ? null : new XElement(A + "solidFill", new XElement(A + "schemeClr", new XAttribute("val", colour)))), new XElement(A + "t", text)));

    internal static XElement ChartFrame(int id, string description, string chartId, Area area) => Frame(id, "Chart", description, area, C,
        new XElement(C + "chart", new XAttribute(XNamespace.Xmlns + "c", C), new XAttribute(R + "id", chartId)));

    internal static XElement Table(int id, DeckTableSpec table, Area area)
    {
        const long rowMax = 460000;
        var columns = table.Header.Length;
        var height = Math.Min(rowMax, area.Height / (table.Rows.Length + 1));
        var size = height < 300000 ? 1100 : 1500;
        // A column of figures stands to the right, its heading too, whether they came as numbers or already written out.
        var aligns = Enumerable.Range(0, columns).Select(i => table.Rows.Length > 0 && table.Rows.All(cells => IsFigure(cells[i])) ? "r" : null).ToArray();
        var grid = new XElement(A + "tbl",
            new XElement(A + "tblPr", new XAttribute("firstRow", 1), new XAttribute("bandRow", 1)),
            new XElement(A + "tblGrid", Enumerable.Range(0, columns).Select(_ => new XElement(A + "gridCol", new XAttribute("w", area.Width / columns)))),
            Row(table.Header.Select((text, i) => Cell(Paragraph(text, 0, size, bold: true, "bg1", aligns[i]), "accent1"))),
            table.Rows.Select((cells, row) => Row(cells.Select((cell, i) => Cell(Paragraph(Text(cell), 0, size, colour: "tx1", align: aligns[i]), row % 2 == 0 ? "bg1" : "bg2")))));
        return Frame(id, "Table", "Table", area with { Height = height * (table.Rows.Length + 1) }, "http://schemas.openxmlformats.org/drawingml/2006/table", grid);

        XElement Row(IEnumerable<XElement> cells) => new(A + "tr", new XAttribute("h", height), cells);
    }

    internal static XElement Place(XNamespace space, Area area) => new(space + "xfrm",
        new XElement(A + "off", new XAttribute("x", area.Left), new XAttribute("y", area.Top)), new XElement(A + "ext", new XAttribute("cx", area.Width), new XAttribute("cy", area.Height)));

    private static XElement Frame(int id, string name, string description, Area area, XNamespace kind, XElement content) => new(P + "graphicFrame",
        new XElement(P + "nvGraphicFramePr", Named(id, name, description), new XElement(P + "cNvGraphicFramePr"), new XElement(P + "nvPr")),
        Place(P, area),
        new XElement(A + "graphic", new XElement(A + "graphicData", new XAttribute("uri", kind.NamespaceName), content)));

    private static XElement Cell(XElement paragraph, string fill) => new(A + "tc",
        new XElement(A + "txBody", new XElement(A + "bodyPr"), new XElement(A + "lstStyle"), paragraph),
        new XElement(A + "tcPr", new XAttribute("anchor", "ctr"), new XElement(A + "solidFill", new XElement(A + "schemeClr", new XAttribute("val", fill)))));

    private static bool IsFigure(JsonElement cell) => Text(cell).TrimStart('+', '-') is { Length: > 0 } text && char.IsAsciiDigit(text[0]) && text.All(letter => char.IsAsciiDigit(letter) || " .,%".Contains(letter, StringComparison.Ordinal));

    private static string Text(JsonElement cell) => cell.ValueKind switch
    {
        JsonValueKind.String => cell.GetString()!,
        JsonValueKind.Null => "",
        _ => cell.GetRawText(),
    };

    private static XElement Named(int id, string name, string? description = null) =>
        new(P + "cNvPr", new XAttribute("id", id), new XAttribute("name", name), description is null ? null : new XAttribute("descr", description));
}
