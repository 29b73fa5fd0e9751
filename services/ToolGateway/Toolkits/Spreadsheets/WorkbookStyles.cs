using System.Xml.Linq;

namespace AgentPlatform.ToolGateway.Toolkits.Spreadsheets;

/// <summary>Collects the looks that cells ask for and numbers them in the order of asking.</summary>
internal sealed class WorkbookStyles
{
    private const int FirstCustomFormat = 164, PlainFont = 0, BoldFont = 1, HeaderFont = 2, NoFill = 0, HeaderFill = 2, NoBorder = 0, HeaderBorder = 1;
    private static readonly XNamespace S = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
    private readonly List<(string? Format, bool Bold, bool Header)> looks = [(null, false, false)];
    private readonly List<string> formats = [];

    public int Index(string? format, bool bold, bool header)
    {
        if (!header && format is not null && !formats.Contains(format)) formats.Add(format);
        var look = (format, bold, header);
        if (!looks.Contains(look)) looks.Add(look);
        return looks.IndexOf(look);
    }

    public XElement Draw() => new(S + "styleSheet",
        formats.Count == 0 ? null : Counted("numFmts", formats.Select((code, i) => new XElement(S + "numFmt", new XAttribute("numFmtId", FirstCustomFormat + i), new XAttribute("formatCode", code)))),
        Counted("fonts", [Font(false, null), Font(true, null), Font(true, "FFFFFFFF")]),
        Counted("fills", [Fill("none", null), Fill("gray125", null), Fill("solid", "FF1F5A8C")]), // The first two are fixed by the format.
        Counted("borders", [Border(null), Border("FF8A8F98")]),
        Counted("cellStyleXfs", [new XElement(S + "xf", new XAttribute("numFmtId", 0), new XAttribute("fontId", 0), new XAttribute("fillId", 0), new XAttribute("borderId", 0))]),
        Counted("cellXfs", looks.Select(Look)),
        Counted("cellStyles", [new XElement(S + "cellStyle", new XAttribute("name", "Normal"), new XAttribute("xfId", 0), new XAttribute("builtinId", 0))]));

    private XElement Look((string? Format, bool Bold, bool Header) look) => new(S + "xf",
        new XAttribute("numFmtId", look.Format is null || look.Header ? 0 : FirstCustomFormat + formats.IndexOf(look.Format)),
        new XAttribute("fontId", look.Header ? HeaderFont : look.Bold ? BoldFont : PlainFont),
        new XAttribute("fillId", look.Header ? HeaderFill : NoFill),
        new XAttribute("borderId", look.Header ? HeaderBorder : NoBorder),
        new XAttribute("xfId", 0), new XAttribute("applyNumberFormat", 1), new XAttribute("applyFont", 1), new XAttribute("applyFill", 1),
        look.Header ? new XAttribute("applyAlignment", 1) : null,
        look.Header ? new XElement(S + "alignment", look.Format is null ? null : new XAttribute("horizontal", "right"), new XAttribute("vertical", "center"), new XAttribute("wrapText", 1)) : null);

    private static XElement Counted(string name, IEnumerable<XElement> items)
    {
        var all = items.ToList();
        return new(S + name, new XAttribute("count", all.Count), all);
    }

    private static XElement Font(bool bold, string? colour) => new(S + "font", bold ? new XElement(S + "b") : null, new XElement(S + "sz", new XAttribute("val", 11)),
        colour is null ? null : new XElement(S + "color", new XAttribute("rgb", colour)), new XElement(S + "name", new XAttribute("val", "Calibri")));

    private static XElement Fill(string pattern, string? colour) => new(S + "fill", new XElement(S + "patternFill", new XAttribute("patternType", pattern),
        colour is null ? null : new XElement(S + "fgColor", new XAttribute("rgb", colour))));

    private static XElement Border(string? colour) => new(S + "border", new XElement(S + "left"), new XElement(S + "right"), new XElement(S + "top"),
        colour is null ? new XElement(S + "bottom") : new XElement(S + "bottom", new XAttribute("style", "thin"), new XElement(S + "color", new XAttribute("rgb", colour))),
        new XElement(S + "diagonal"));
}
