using System.Xml.Linq;

namespace AgentPlatform.ToolGateway.Toolkits.Presentations;

/// <summary>The one plain design: theme, master and two layouts. Slides inherit their fonts, sizes and places from here.</summary>
internal static class DeckDesign
{
    private static readonly XNamespace P = SlideShapes.P, A = SlideShapes.A, R = SlideShapes.R;
    private static readonly Area Title = new(609600, 365125, 10972800, 1000000);
    private static readonly Area FrontTitle = new(914400, 1900000, 10363200, 1500000);
    private static readonly Area FrontSubtitle = new(914400, 3500000, 10363200, 1200000);

    internal static XElement Master(IReadOnlyList<string> layoutIds) => SlideShapes.Tree("sldMaster", Background(),
        [
            SlideShapes.Placeholder(2, "Title", "title", null, [SlideShapes.Paragraph("Title", 0)], Title),
            SlideShapes.Placeholder(3, "Content", "body", 1, [SlideShapes.Paragraph("Text", 0)], SlideShapes.Body),
        ],
        ColourMap(),
        new XElement(P + "sldLayoutIdLst", layoutIds.Select((id, i) => new XElement(P + "sldLayoutId", new XAttribute("id", 2147483649 + i), new XAttribute(R + "id", id)))),
        new XElement(P + "txStyles",
            new XElement(P + "titleStyle", Level(1, 3200, null, "tx2", bold: true)),
            new XElement(P + "bodyStyle", Enumerable.Range(1, 5).Select(level => Level(level, 2200 - (level * 200), level % 2 == 1 ? "•" : "–", "tx1", bold: false))),
            new XElement(P + "otherStyle", Level(1, 1800, null, "tx1", bold: false))));

    internal static XElement TitleLayout() => Layout("title", "Title slide",
    [
        SlideShapes.Placeholder(2, "Title", "ctrTitle", null, [SlideShapes.Paragraph("Title", 0)], FrontTitle, Sized(4400, "tx2")),
        SlideShapes.Placeholder(3, "Subtitle", "subTitle", 1, [SlideShapes.Paragraph("Subtitle", 0)], FrontSubtitle, Sized(2200, "tx1")),
    ]);

    internal static XElement ContentLayout() => Layout("obj", "Title and content",
    [
        SlideShapes.Placeholder(2, "Title", "title", null, [SlideShapes.Paragraph("Title", 0)]),
        SlideShapes.Placeholder(3, "Content", null, 1, [SlideShapes.Paragraph("Text", 0)]),
    ]);

    internal static XElement NotesMaster() => SlideShapes.Tree("notesMaster", Background(),
        [
            SlideShapes.SlideImage(2, new Area(685800, 1143000, 5486400, 3086100)),
            SlideShapes.Placeholder(3, "Notes", "body", 3, [SlideShapes.Paragraph("Notes", 0)], new Area(685800, 4400550, 5486400, 3600450)),
        ],
        ColourMap());

    internal static XElement Theme() => new(A + "theme", new XAttribute(XNamespace.Xmlns + "a", A), new XAttribute("name", "Plain"),
        new XElement(A + "themeElements",
            new XElement(A + "clrScheme", new XAttribute("name", "Plain"),
                Colour("dk1", "22262B"), Colour("lt1", "FFFFFF"), Colour("dk2", "1F3A56"), Colour("lt2", "EEF2F6"), Colour("accent1", "1F5A8C"), Colour("accent2", "E07B39"),
                Colour("accent3", "3A8F6B"), Colour("accent4", "B0413E"), Colour("accent5", "7A5C99"), Colour("accent6", "C9A227"), Colour("hlink", "1F5A8C"), Colour("folHlink", "7A5C99")),
            new XElement(A + "fontScheme", new XAttribute("name", "Plain"), Font("majorFont"), Font("minorFont")),
            new XElement(A + "fmtScheme", new XAttribute("name", "Plain"),
                // Each list must hold three: subtle, moderate, intense.
                new XElement(A + "fillStyleLst", Three(Solid)),
                new XElement(A + "lnStyleLst", Three(() => new XElement(A + "ln", new XAttribute("w", 9525), Solid()))),
                new XElement(A + "effectStyleLst", Three(() => new XElement(A + "effectStyle", new XElement(A + "effectLst")))),
                new XElement(A + "bgFillStyleLst", Three(Solid)))));

    private static XElement Layout(string type, string name, IEnumerable<XElement> shapes)
    {
        var layout = SlideShapes.Tree("sldLayout", null, shapes);
        layout.Add(new XAttribute("type", type), new XAttribute("preserve", 1));
        layout.Element(P + "cSld")!.Add(new XAttribute("name", name));
        return layout;
    }

    private static XElement Background() => new(P + "bg", new XElement(P + "bgPr", new XElement(A + "solidFill", new XElement(A + "schemeClr", new XAttribute("val", "bg1"))), new XElement(A + "effectLst")));

    private static XElement ColourMap() => new(P + "clrMap", new XAttribute("bg1", "lt1"), new XAttribute("tx1", "dk1"), new XAttribute("bg2", "lt2"), new XAttribute("tx2", "dk2"),
        Enumerable.Range(1, 6).Select(i => new XAttribute($"accent{i}", $"accent{i}")), new XAttribute("hlink", "hlink"), new XAttribute("folHlink", "folHlink"));

    private static XElement Sized(int size, string colour) => new(A + "lstStyle", Level(1, size, null, colour, bold: colour == "tx2"));

    private static XElement Level(int level, int size, string? bullet, string colour, bool bold)
    {
        const int indent = 285750;
        return new(A + $"lvl{level}pPr", new XAttribute("marL", bullet is null ? 0 : indent * level), new XAttribute("indent", bullet is null ? 0 : -indent), new XAttribute("algn", "l"),
            new XElement(A + "spcBef", new XElement(A + "spcPts", new XAttribute("val", level == 1 && bullet is not null ? 900 : 300))),
            bullet is null ? new XElement(A + "buNone") : new XElement(A + "buChar", new XAttribute("char", bullet)),
            new XElement(A + "defRPr", new XAttribute("sz", size), new XAttribute("b", bold ? 1 : 0),
                new XElement(A + "solidFill", new XElement(A + "schemeClr", new XAttribute("val", colour))),
                new XElement(A + "latin", new XAttribute("typeface", bold ? "+mj-lt" : "+mn-lt"))));
    }

    private static XElement Colour(string name, string value) => new(A + name, new XElement(A + "srgbClr", new XAttribute("val", value)));

    private static XElement Font(string name) => new(A + name, new XElement(A + "latin", new XAttribute("typeface", "Calibri")),
        new XElement(A + "ea", new XAttribute("typeface", "")), new XElement(A + "cs", new XAttribute("typeface", "")));

    private static XElement Solid() => new(A + "solidFill", new XElement(A + "schemeClr", new XAttribute("val", "phClr")));

    private static IEnumerable<XElement> Three(Func<XElement> make) => [make(), make(), make()];
}
