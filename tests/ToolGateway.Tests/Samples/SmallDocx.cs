using System.Xml.Linq;
using AgentPlatform.ToolGateway.Toolkits.Office;

namespace AgentPlatform.ToolGateway.Tests.Samples;

/// <summary>A Word document with what minutes have: headings, paragraphs with emphasis and a link, lists, a table, a footnote.</summary>
internal sealed class SmallDocx
{
    private const string Word = "application/vnd.openxmlformats-officedocument.wordprocessingml.", Relation = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/";
    private const string Main = "word/document.xml";
    private static readonly XNamespace W = "http://schemas.openxmlformats.org/wordprocessingml/2006/main", R = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
    private readonly OfficeOutput output = new();
    private readonly XElement body = new(W + "body");
    private readonly List<string> footnotes = [];

    public SmallDocx Heading(int level, string text) => Add(Paragraph($"Heading{level}", null, Run(text)));

    public SmallDocx Text(params object[] runs) => Add(Paragraph(null, null, runs));

    public SmallDocx Item(int list, int level, params object[] runs) => Add(Paragraph(null, (list, level), runs));

    public SmallDocx Table(params string[][] rows) => Add(new XElement(W + "tbl",
        new XElement(W + "tblPr", new XElement(W + "tblW", new XAttribute(W + "w", 0), new XAttribute(W + "type", "auto"))),
        new XElement(W + "tblGrid", rows[0].Select(_ => new XElement(W + "gridCol", new XAttribute(W + "w", 2400)))),
        rows.Select(row => new XElement(W + "tr", row.Select(cell => new XElement(W + "tc", Paragraph(null, null, Run(cell))))))));

    public static XElement Run(string text, bool bold = false, bool italic = false) => new(W + "r",
        bold || italic ? new XElement(W + "rPr", bold ? new XElement(W + "b") : null, italic ? new XElement(W + "i") : null) : null,
        new XElement(W + "t", new XAttribute(XNamespace.Xml + "space", "preserve"), text));

    public XElement Link(string text, string target)
    {
        var id = output.Relate(Main, Relation + "hyperlink", target, external: true);
        return new(W + "hyperlink", new XAttribute(R + "id", id), Run(text));
    }

    public XElement Footnote(string text)
    {
        footnotes.Add(text);
        return new(W + "r", new XElement(W + "footnoteReference", new XAttribute(W + "id", footnotes.Count)));
    }

    public byte[] Pack()
    {
        XAttribute[] names = [new(XNamespace.Xmlns + "w", W), new(XNamespace.Xmlns + "r", R)];
        output.Relate("", Relation + "officeDocument", Main);
        output.Relate(Main, Relation + "styles", "word/styles.xml");
        output.Relate(Main, Relation + "numbering", "word/numbering.xml");
        output.Relate(Main, Relation + "footnotes", "word/footnotes.xml");
        output.Add(Main, Word + "document.main+xml", new XElement(W + "document", names, body));
        output.Add("word/styles.xml", Word + "styles+xml", new XElement(W + "styles", names, Enumerable.Range(1, 3).Select(level => new XElement(W + "style",
            new XAttribute(W + "type", "paragraph"), new XAttribute(W + "styleId", $"Heading{level}"), new XElement(W + "name", new XAttribute(W + "val", $"heading {level}")),
            new XElement(W + "pPr", new XElement(W + "spacing", new XAttribute(W + "before", 240)), new XElement(W + "outlineLvl", new XAttribute(W + "val", level - 1))),
            new XElement(W + "rPr", new XElement(W + "b"), new XElement(W + "sz", new XAttribute(W + "val", 36 - (level * 4))))))));
        output.Add("word/numbering.xml", Word + "numbering+xml", new XElement(W + "numbering", names, Abstract(0, "bullet", "•"), Abstract(1, "decimal", "%1."), Instance(1, 0), Instance(2, 1)));
        output.Add("word/footnotes.xml", Word + "footnotes+xml", new XElement(W + "footnotes", names,
            footnotes.Select((text, i) => new XElement(W + "footnote", new XAttribute(W + "id", i + 1), Paragraph(null, null, Run(text))))));
        return output.Pack();
    }

    private static XElement Abstract(int id, string format, string text) => new(W + "abstractNum", new XAttribute(W + "abstractNumId", id), Enumerable.Range(0, 2).Select(level => new XElement(W + "lvl",
        new XAttribute(W + "ilvl", level), new XElement(W + "start", new XAttribute(W + "val", 1)), new XElement(W + "numFmt", new XAttribute(W + "val", format)),
        new XElement(W + "lvlText", new XAttribute(W + "val", text)), new XElement(W + "pPr", new XElement(W + "ind", new XAttribute(W + "left", 360 * (level + 1)), new XAttribute(W + "hanging", 360))))));

    private static XElement Instance(int id, int definition) => new(W + "num", new XAttribute(W + "numId", id), new XElement(W + "abstractNumId", new XAttribute(W + "val", definition)));

    private static XElement Paragraph(string? style, (int List, int Level)? numbering, params object[] runs) => new(W + "p",
        style is null && numbering is null ? null : new XElement(W + "pPr",
            style is null ? null : new XElement(W + "pStyle", new XAttribute(W + "val", style)),
            numbering is { } item ? new XElement(W + "numPr", new XElement(W + "ilvl", new XAttribute(W + "val", item.Level)), new XElement(W + "numId", new XAttribute(W + "val", item.List))) : null),
        runs.Select(run => run is string text ? Run(text) : run));

    private SmallDocx Add(XElement block)
    {
        body.Add(block);
        return this;
    }
}
