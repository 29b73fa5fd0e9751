using System.Text.Json;
using System.Xml.Linq;
using AgentPlatform.ToolGateway.Toolkits.Office;
using AgentPlatform.ToolGateway.Toolkits.Spreadsheets;

namespace AgentPlatform.ToolGateway.Toolkits.Presentations;

/// <summary>Writes a presentation as PresentationML, the same bytes for the same description.</summary>
internal static class DeckWriter
{
    private const string Type = "application/vnd.openxmlformats-officedocument.presentationml.";
    private const string Relation = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/";
    private const string ThemeType = "application/vnd.openxmlformats-officedocument.theme+xml";
    private const string WorkbookType = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";
    private const string Presentation = "ppt/presentation.xml", Master = "ppt/slideMasters/slideMaster1.xml", NotesMaster = "ppt/notesMasters/notesMaster1.xml";
    private const string TitleLayout = "ppt/slideLayouts/slideLayout1.xml", ContentLayout = "ppt/slideLayouts/slideLayout2.xml";
    private const int SlidesMax = 200, RowsMax = 40, ColumnsMax = 12, PointsMax = 200;
    private static readonly XNamespace P = SlideShapes.P, A = SlideShapes.A, R = SlideShapes.R;

    internal static byte[] Write(DeckSpec deck, DocumentOptions options)
    {
        if (deck.Slides.Length is 0 or > SlidesMax) throw Bad($"give 1 to {SlidesMax} slides");
        var output = new OfficeOutput();
        output.Relate("", Relation + "officeDocument", Presentation);
        var masterId = output.Relate(Presentation, Relation + "slideMaster", Master);
        var hasNotes = deck.Slides.Any(slide => slide.Notes is { Length: > 0 });
        var notesId = hasNotes ? output.Relate(Presentation, Relation + "notesMaster", NotesMaster) : null;
        AddMasters(output, hasNotes);

        var slides = new XElement(P + "sldIdLst");
        for (var i = 0; i < deck.Slides.Length; i++)
        {
            var path = $"ppt/slides/slide{i + 1}.xml";
            var id = output.Relate(Presentation, Relation + "slide", path);
            slides.Add(new XElement(P + "sldId", new XAttribute("id", 256 + i), new XAttribute(R + "id", id)));
            AddSlide(output, path, deck.Slides[i], i + 1, options);
        }
        output.Add(Presentation, Type + "presentation.main+xml", new XElement(P + "presentation", SlideShapes.Namespaces,
            new XElement(P + "sldMasterIdLst", new XElement(P + "sldMasterId", new XAttribute("id", 2147483648), new XAttribute(R + "id", masterId))),
            notesId is null ? null : new XElement(P + "notesMasterIdLst", new XElement(P + "notesMasterId", new XAttribute(R + "id", notesId))),
            slides,
            new XElement(P + "sldSz", new XAttribute("cx", SlideShapes.Width), new XAttribute("cy", SlideShapes.Height)),
            new XElement(P + "notesSz", new XAttribute("cx", SlideShapes.Height), new XAttribute("cy", 9144000))));
        return output.Pack();
    }

    internal static ToolRefusedException Bad(string cause) => new(FailureClass.InvalidArguments, $"The presentation cannot be written: {cause}.");

    private static void AddSlide(OfficeOutput output, string path, SlideSpec slide, int number, DocumentOptions options)
    {
        var isTitle = slide.Subtitle is not null;
        output.Relate(path, Relation + "slideLayout", isTitle ? TitleLayout : ContentLayout);
        var shapes = new List<XElement> { SlideShapes.Placeholder(2, "Title", isTitle ? "ctrTitle" : "title", null, [SlideShapes.Paragraph(slide.Title, 0)]) };
        if (slide.Subtitle is { } subtitle) shapes.Add(SlideShapes.Placeholder(3, "Subtitle", "subTitle", 1, [SlideShapes.Paragraph(subtitle, 0)]));

        // What a slide has shares the space below the title: text on the left where there is also something to look at.
        var visuals = (slide.Table is null ? 0 : 1) + (slide.Chart is null ? 0 : 1);
        if (visuals > 1) throw Bad($"slide {number} has both a table and a chart; use two slides");
        var points = slide.Bullets is { Length: > 0 } bullets ? Points(bullets, 0, number).ToList() : [];
        if (points.Count > PointsMax) throw Bad($"slide {number} has more than {PointsMax} points");
        var area = SlideShapes.Body;
        if (points.Count > 0)
        {
            var own = visuals == 0 ? area : area with { Width = area.Width * 2 / 5 };
            shapes.Add(SlideShapes.Placeholder(4, "Content", null, 1, points, own));
            area = area with { Left = own.Left + own.Width + SlideShapes.Gap, Width = area.Width - own.Width - SlideShapes.Gap };
        }
        if (slide.Table is { } table) shapes.Add(SlideShapes.Table(5, Checked(table, number), area));
        if (slide.Chart is { } chart) shapes.Add(SlideShapes.ChartFrame(6, chart.Title ?? slide.Title, AddChart(output, path, chart, number, options), area));
        output.Add(path, Type + "slide+xml", SlideShapes.Tree("sld", null, shapes));
        if (slide.Notes is { Length: > 0 } notes) AddNotes(output, path, notes, number);
    }

    private static string AddChart(OfficeOutput output, string slidePath, DeckChartSpec chart, int number, DocumentOptions options)
    {
        if (chart.Categories.Length == 0 || chart.Series.Length == 0 || chart.Series.Any(series => series.Values.Length != chart.Categories.Length))
            throw Bad($"the chart on slide {number} needs at least one series with one value per category");
        // The data travels as a workbook inside, so that people can open and change it; the chart is then read from that workbook like any other.
        var spec = new WorkbookSpec { Sheets = [new() { Name = "Data", Rows = DataRows(chart), Columns = [new(), .. chart.Series.Select(_ => new ColumnSpec { Format = chart.Format })] }] };
        var model = WorkbookModel.Build(spec, options);
        var last = chart.Categories.Length + 1;
        var drawn = ChartReader.Read(model, "Data", new WorkbookChartSpec
        {
            Type = chart.Type,
            Title = chart.Title,
            Categories = $"A2:A{last}",
            Series = [.. chart.Series.Select((_, i) => CellAddress.ColumnName(i + 2)).Select(column => new WorkbookSeriesSpec { Name = $"{column}1", Values = $"{column}2:{column}{last}" })],
        });
        var (chartPath, bookPath) = ($"ppt/charts/chart{number}.xml", $"ppt/embeddings/chart{number}.xlsx");
        output.Add(bookPath, WorkbookType, WorkbookWriter.Write(model));
        var bookId = output.Relate(chartPath, Relation + "package", bookPath);
        output.Add(chartPath, ChartPart.ContentType, ChartPart.Draw(drawn, bookId, fontSize: 1400));
        return output.Relate(slidePath, ChartPart.RelationType, chartPath);
    }

    private static void AddNotes(OfficeOutput output, string slidePath, string notes, int number)
    {
        var path = $"ppt/notesSlides/notesSlide{number}.xml";
        output.Relate(slidePath, Relation + "notesSlide", path);
        output.Relate(path, Relation + "notesMaster", NotesMaster);
        output.Relate(path, Relation + "slide", slidePath);
        var paragraphs = notes.ReplaceLineEndings("\n").Split('\n').Select(line => SlideShapes.Paragraph(line, 0));
        output.Add(path, Type + "notesSlide+xml", SlideShapes.Tree("notes", null,
            [SlideShapes.SlideImage(2), SlideShapes.Placeholder(3, "Notes", "body", 1, paragraphs)]));
    }

    private static void AddMasters(OfficeOutput output, bool hasNotes)
    {
        var layouts = new[] { output.Relate(Master, Relation + "slideLayout", TitleLayout), output.Relate(Master, Relation + "slideLayout", ContentLayout) };
        output.Relate(Master, Relation + "theme", "ppt/theme/theme1.xml");
        output.Relate(TitleLayout, Relation + "slideMaster", Master);
        output.Relate(ContentLayout, Relation + "slideMaster", Master);
        output.Add(Master, Type + "slideMaster+xml", DeckDesign.Master(layouts));
        output.Add(TitleLayout, Type + "slideLayout+xml", DeckDesign.TitleLayout());
        output.Add(ContentLayout, Type + "slideLayout+xml", DeckDesign.ContentLayout());
        output.Add("ppt/theme/theme1.xml", ThemeType, DeckDesign.Theme());
        if (!hasNotes) return;
        output.Relate(NotesMaster, Relation + "theme", "ppt/theme/theme2.xml");
        output.Add(NotesMaster, Type + "notesMaster+xml", DeckDesign.NotesMaster());
        output.Add("ppt/theme/theme2.xml", ThemeType, DeckDesign.Theme());
    }

    private static JsonElement[][] DataRows(DeckChartSpec chart) =>
    [
        [Json(""), .. chart.Series.Select(series => Json(series.Name))],
        .. chart.Categories.Select((category, i) => (JsonElement[])[Json(category), .. chart.Series.Select(series => Json(series.Values[i]))]),
    ];

    private static JsonElement Json<T>(T value) => JsonSerializer.SerializeToElement(value, ToolJson.Options);

    private static IEnumerable<XElement> Points(JsonElement[] bullets, int level, int slide)
    {
        const int deepest = 4;
        if (level > deepest) throw Bad($"the points of slide {slide} are nested deeper than {deepest + 1}");
        foreach (var bullet in bullets)
        {
            if (bullet.ValueKind == JsonValueKind.String)
            {
                yield return SlideShapes.Paragraph(bullet.GetString()!, level);
                continue;
            }
            if (bullet.ValueKind != JsonValueKind.Object || !bullet.TryGetProperty("text", out var text) || text.ValueKind != JsonValueKind.String)
                throw Bad($"a point of slide {slide} is neither a text nor an object with text");
            yield return SlideShapes.Paragraph(text.GetString()!, level);
            if (!bullet.TryGetProperty("bullets", out var nested)) continue;
            if (nested.ValueKind != JsonValueKind.Array) throw Bad($"bullets on slide {slide} is not a list");
            foreach (var point in Points([.. nested.EnumerateArray()], level + 1, slide)) yield return point;
        }
    }

    private static DeckTableSpec Checked(DeckTableSpec table, int slide)
    {
        if (table.Header.Length is 0 or > ColumnsMax || table.Rows.Length > RowsMax) throw Bad($"the table of slide {slide} has more than {ColumnsMax} columns or {RowsMax} rows");
        if (table.Rows.Any(row => row.Length != table.Header.Length)) throw Bad($"a row of the table of slide {slide} has another length than its header");
        return table;
    }
}
