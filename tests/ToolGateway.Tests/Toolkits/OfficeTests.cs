using System.Text.Json;
using AgentPlatform.ToolGateway.Toolkits;
using AgentPlatform.ToolGateway.Toolkits.Spreadsheets;
using DocumentFormat.OpenXml;
using DocumentFormat.OpenXml.Packaging;
using DocumentFormat.OpenXml.Validation;

namespace AgentPlatform.ToolGateway.Tests.Toolkits;

public sealed class OfficeTests : IDisposable
{
    private static readonly object Workbook = new
    {
        sheets = new object[]
        {
            new
            {
                name = "It's data", columns = new object[] { new { width = 12 }, new { format = "#,##0.00" }, new { format = "0.0%" } },
                rows = new object?[][]
                {
                    ["Name", "Amount", "Share"], ["a & b", 10.5, new { formula = "B2/B4" }], ["<c>", 31.5, new { formula = "B3/B4" }],
                    [new { value = "Total", bold = true }, new { formula = "SUM(B2:B3)", bold = true }, new { formula = "MEDIAN(B2:B3)" }],
                },
                charts = new object[]
                {
                    new { type = "bar", title = "Bars", categories = "A2:A3", series = new[] { new { name = "B1", values = "B2:B3" } }, anchor = "E2" },
                    new { type = "line", categories = "A2:A3", series = new[] { new { name = "own name", values = "B2:B3" }, new { name = "C1", values = "C2:C3" } }, anchor = "E20" },
                    new { type = "pie", title = "Pie", categories = "A2:A3", series = new[] { new { name = "B1", values = "B2:B3" } }, anchor = "N2" },
                },
            },
            new { name = "Other", rows = new object?[][] { [new { formula = "'It''s data'!B4*2" }, true, new { date = "2026-09-30" }, new { formula = "IF(A1>80,\"high\",\"low\")" }] }, header = false },
        },
    };

    private static readonly object Deck = new
    {
        slides = new object[]
        {
            new { title = "Front", subtitle = "Below" },
            new { title = "Points", bullets = new object[] { "one", new { text = "two", bullets = new object[] { "inner" } } }, notes = "Say this.\nAnd this." },
            new { title = "Table", table = new { header = new[] { "a", "b" }, rows = new object[][] { ["x", 1.5], ["y", 2] } } },
            new { title = "Bars", bullets = new[] { "beside" }, chart = new { type = "bar", title = "Chart", categories = new[] { "p", "q" }, series = new[] { new { name = "s", values = new[] { 1.5, 2 } } } } },
            new { title = "Pie", chart = new { type = "pie", categories = new[] { "p", "q" }, series = new[] { new { name = "s", values = new[] { 1.5, 2 } } } }, notes = "More." },
        },
    };

    private readonly Bench bench = new();

    public void Dispose() => bench.Dispose();

    [Fact]
    public async Task A_workbook_is_valid_and_stores_computed_values()
    {
        var written = await bench.Do("documents.write_xlsx", new { path = "a.xlsx", spec = Workbook });
        Assert.Contains("MEDIAN", Assert.Single(written.GetProperty("not_computed").EnumerateArray()).GetString(), StringComparison.Ordinal);
        using (var document = SpreadsheetDocument.Open(Path.Combine(bench.Workspace.Root, "a.xlsx"), isEditable: false)) Valid(document);

        var rows = (await bench.Do("documents.read_xlsx", new { path = "a.xlsx" })).GetProperty("rows");
        Assert.Equal("""[["Name","Amount","Share"],["a & b",10.5,0.25],["<c>",31.5,0.75],["Total",42,null]]""", JsonSerializer.Serialize(rows, ToolJson.Options));
        var other = await bench.Do("documents.read_xlsx", new { path = "a.xlsx", sheet = "other", range = "A1:D1" });
        Assert.Equal("""[[84,true,"2026-09-30","high"]]""", JsonSerializer.Serialize(other.GetProperty("rows"), ToolJson.Options));
    }

    [Fact]
    public async Task A_presentation_is_valid()
    {
        await bench.Do("documents.write_pptx", new { path = "a.pptx", spec = Deck });
        using var document = PresentationDocument.Open(Path.Combine(bench.Workspace.Root, "a.pptx"), isEditable: false);
        Valid(document);
        Assert.Equal(5, document.PresentationPart!.SlideParts.Count());
        Assert.Equal(2, document.PresentationPart.SlideParts.Sum(slide => slide.ChartParts.Count()));
        Assert.All(document.PresentationPart.SlideParts.SelectMany(slide => slide.ChartParts), chart => Assert.NotNull(chart.EmbeddedPackagePart));
        Assert.Contains(document.PresentationPart.SlideParts, slide => slide.NotesSlidePart?.NotesSlide.InnerText.Contains("Say this.", StringComparison.Ordinal) == true);
    }

    [Fact]
    public async Task The_same_description_gives_the_same_bytes()
    {
        foreach (var (tool, name, spec) in new[] { ("documents.write_xlsx", "xlsx", Workbook), ("documents.write_pptx", "pptx", Deck) })
        {
            await bench.Do(tool, new { path = $"1.{name}", spec });
            await bench.Put("spec.json", JsonSerializer.Serialize(spec));
            await bench.Do(tool, new { path = $"2.{name}", spec_path = "spec.json" });
            Assert.Equal((await bench.Workspace.Hash($"1.{name}")).Sha256, (await bench.Workspace.Hash($"2.{name}")).Sha256);
        }
    }

    [Fact]
    public async Task Checking_a_workbook_finds_what_is_wrong()
    {
        await bench.Do("documents.write_xlsx", new { path = "a.xlsx", spec = Workbook });
        await bench.Do("documents.check_xlsx", new { path = "a.xlsx", charts_min = 3, cells = new object[] { new { cell = "B4", equals = 42, tolerance = 0.001 }, new { sheet = "Other", cell = "B1", equals = true } } });
        var wrong = await bench.Call("documents.check_xlsx", new { path = "a.xlsx", charts_min = 4, cells = new object[] { new { cell = "B4", equals = 41 } } });
        Assert.Equal(FailureClass.CheckFailed, wrong.Failure?.Class);
        Assert.Equal(2, wrong.Content.GetProperty("checks").EnumerateArray().Count(check => !check.GetProperty("passed").GetBoolean()));

        Tamper("a.xlsx", "<v>42</v>", "<v>43</v>");
        var stale = await bench.Call("documents.check_xlsx", new { path = "a.xlsx" });
        Assert.Equal(FailureClass.CheckFailed, stale.Failure?.Class);
    }

    [Theory]
    [InlineData("1+2*3^2", 19.0)]
    [InlineData("-(2-5)%", 0.03)]
    [InlineData("SUM(A1:A3,15)/COUNT(A1:A3)", 8.0)]
    [InlineData("AVERAGE(A1:A3)", 3.0)]
    [InlineData("MAX(A1:A3)-MIN(A1:A3)", 4.0)]
    [InlineData("ROUND(2.345,2)", 2.35)]
    [InlineData("IF(A1<>A2,\"yes\",\"no\")&\"!\"", "yes!")]
    [InlineData("sheet2!$A$1*2", 14.0)]
    public void Formulas_are_computed(string formula, object expected) => Assert.Equal(expected, Formula.Evaluate(formula, new Cells()));

    [Theory]
    [InlineData("VLOOKUP(1,A1:A3,1)")]
    [InlineData("1/0")]
    [InlineData("1+")]
    [InlineData("A1:A3+1")]
    [InlineData("((((")]
    public void What_is_not_understood_is_said_and_not_guessed(string formula) => Assert.Throws<FormulaException>(() => Formula.Evaluate(formula, new Cells()));

    [Fact]
    public async Task A_circle_of_formulas_is_left_uncomputed()
    {
        var written = await bench.Do("documents.write_xlsx", new { path = "a.xlsx", spec = new { sheets = new object[] { new { name = "S", rows = new object[][] { [new { formula = "B1" }, new { formula = "A1" }] } } } } });
        Assert.NotEmpty(written.GetProperty("not_computed").EnumerateArray());
    }

    [Fact]
    public async Task A_bad_description_is_refused_with_the_place()
    {
        Assert.Contains("S!B1", await bench.Fails("documents.write_xlsx", new { path = "a.xlsx", spec = new { sheets = new object[] { new { name = "S", rows = new object[][] { ["x", new { formulla = "1" }] } } } } }, FailureClass.InvalidArguments), StringComparison.Ordinal);
        await bench.Fails("documents.write_xlsx", new { path = "a.xlsx" }, FailureClass.InvalidArguments);
        await bench.Fails("documents.write_pptx", new { path = "a.pptx", spec = new { slides = Array.Empty<object>() } }, FailureClass.InvalidArguments);
        await bench.Fails("documents.write_xlsx", new { path = "a.txt", spec = Workbook }, FailureClass.InvalidArguments);
    }

    private static void Valid(OpenXmlPackage document) =>
        Assert.Empty(new OpenXmlValidator(FileFormatVersions.Office2013).Validate(document).Select(error => $"{error.Part?.Uri} {error.Path?.XPath}: {error.Description}"));

    private void Tamper(string path, string old, string changed)
    {
        using var zip = System.IO.Compression.ZipFile.Open(Path.Combine(bench.Workspace.Root, path), System.IO.Compression.ZipArchiveMode.Update);
        var entry = zip.GetEntry("xl/worksheets/sheet1.xml")!;
        string xml;
        using (var reader = new StreamReader(entry.Open())) xml = reader.ReadToEnd();
        entry.Delete();
        Assert.Contains(old, xml, StringComparison.Ordinal);
        using var writer = new StreamWriter(zip.CreateEntry("xl/worksheets/sheet1.xml").Open());
        writer.Write(xml.Replace(old, changed, StringComparison.Ordinal));
    }

    private sealed class Cells : ICellSource
    {
        public object? Value(string? sheet, CellAddress address) => sheet is null ? (address.Row * 2) - 1.0 : 7.0;
    }
}
