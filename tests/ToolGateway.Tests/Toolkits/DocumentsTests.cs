using System.IO.Compression;
using AgentPlatform.ToolGateway.Tests.Samples;
using AgentPlatform.ToolGateway.Toolkits;
using AgentPlatform.ToolGateway.Toolkits.Documents;

namespace AgentPlatform.ToolGateway.Tests.Toolkits;

public sealed class DocumentsTests : IDisposable
{
    private readonly Bench bench = new();

    public void Dispose() => bench.Dispose();

    [Fact]
    public async Task The_markdown_names_its_source_and_hash()
    {
        await bench.Put("in/a.txt", "text  \r\nmore");
        var done = await bench.Do("documents.to_markdown", new { path = "in/a.txt", output = "out/a.md" });
        var source = await bench.Workspace.Hash("in/a.txt");
        Assert.Equal($"---\nsource: \"in/a.txt\"\nsource_sha256: {source.Sha256}\nformat: txt\n---\n\ntext\nmore\n", await bench.Text("out/a.md"));
        Assert.Equal((await bench.Workspace.Hash("out/a.md")).Sha256, done.GetProperty("sha256").GetString());
    }

    [Theory]
    [InlineData("a.csv", "x;y\n1;2,5\n", "| x | y |\n| --- | --- |\n| 1 | 2,5 |\n")]
    [InlineData("a.csv", "x,y\n\"two\nlines, one cell\",\"say \"\"hi\"\"\"\n", "| x | y |\n| --- | --- |\n| two<br>lines, one cell | say \"hi\" |\n")]
    [InlineData("a.tsv", "x\ty, z\n1\t2\n", "| x | y, z |\n| --- | --- |\n| 1 | 2 |\n")]
    [InlineData("a.csv", "one|two\n1|2\n", "| one | two |\n| --- | --- |\n| 1 | 2 |\n")]
    [InlineData("a.csv", "name\na|b\n", "| name |\n| --- |\n| a\\|b |\n")]
    public async Task Delimited_text_becomes_a_table(string name, string content, string table) => Assert.Equal(table, await Convert(name, System.Text.Encoding.UTF8.GetBytes(content)));

    [Fact]
    public async Task A_page_becomes_its_readable_part()
    {
        const string page = """
            <html><head><title>t</title><style>p{}</style></head><body><nav>menu</nav><script>alert(1)</script>
            <h2>Title <em>two</em></h2><p>One <b>bold</b> and <a href="https://e.example/x">link</a>, <code>a&lt;b</code>.<br>Next line</p>
            <ol><li>first<ul><li>inner</li></ul></li><li>second</li></ol>
            <table><tr><th>a</th><th>b</th></tr><tr><td>1</td><td>x|y</td></tr></table>
            <pre><code class="language-cs">var x = 1;
              next();</code></pre><blockquote><p>said</p></blockquote></body></html>
            """;
        Assert.Equal("""
            ## Title *two*

            One **bold** and [link](https://e.example/x), `a<b`.
            Next line

            1. first
               - inner
            2. second

            | a | b |
            | --- | --- |
            | 1 | x\|y |

            ```cs
            var x = 1;
              next();
            ```

            > said

            """, await Convert("a.html", System.Text.Encoding.UTF8.GetBytes(page)));
    }

    [Fact]
    public async Task A_word_document_keeps_headings_lists_emphasis_links_tables_and_notes()
    {
        var document = new SmallDocx();
        document.Heading(2, "Part").Text("Plain ", SmallDocx.Run("bold", bold: true), " ", SmallDocx.Run("both", bold: true, italic: true), document.Footnote("A note."))
            .Item(2, 0, "one").Item(2, 0, "two ", document.Link("there", "https://e.example/")).Item(1, 0, "point").Table(["h", "i"], ["1", "2"]);
        Assert.Equal("""
            ## Part

            Plain **bold** ***both***[^1]

            1. one
            2. two [there](https://e.example/)
            - point

            | h | i |
            | --- | --- |
            | 1 | 2 |

            [^1]: A note.

            """, await Convert("a.docx", document.Pack()));
    }

    [Fact]
    public async Task A_workbook_shows_stored_values_and_dates()
    {
        await bench.Do("documents.write_xlsx", new
        {
            path = "a.xlsx",
            spec = new { sheets = new object[] { new { name = "S", rows = new object?[][] { ["Day", "Sum"], [new { date = "2026-07-01" }, new { formula = "1.1+2.2" }], [true, null] } } } },
        });
        await bench.Do("documents.to_markdown", new { path = "a.xlsx" });
        Assert.EndsWith("## S\n\n| Day | Sum |\n| --- | --- |\n| 2026-07-01 | 3.3 |\n| TRUE |  |\n", await bench.Text("a.xlsx.md"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_pdf_comes_page_by_page_through_the_sandbox()
    {
        PdfProgram.SkipIfMissing();
        Assert.Equal("## Page 1\n\n```text\nOne\nfirst   row\n```\n\n## Page 2\n\n```text\nTwo\n```\n", await Convert("a.pdf", SmallPdf.Write(["# One", "first   row"], ["# Two"])));
        await bench.Put("broken.pdf", "not a pdf");
        await bench.Fails("documents.to_markdown", new { path = "broken.pdf" }, FailureClass.Unreadable);
    }

    [Fact]
    public async Task Without_its_program_a_pdf_is_refused_with_the_remedy()
    {
        using var without = new Bench(new PdfOptions { Program = "/nowhere/pdftotext" });
        await without.Put("a.pdf", SmallPdf.Write(["x"]));
        Assert.Contains("AGENTPLATFORM_PDFTOTEXT", await without.Fails("documents.to_markdown", new { path = "a.pdf" }, FailureClass.Unavailable), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_zip_bomb_is_not_opened()
    {
        using var memory = new MemoryStream();
        using (var zip = new ZipArchive(memory, ZipArchiveMode.Create, leaveOpen: true))
        {
            using var entry = zip.CreateEntry("xl/workbook.xml", CompressionLevel.SmallestSize).Open();
            var block = new byte[1024 * 1024];
            for (var i = 0; i < 300; i++) entry.Write(block);
        }
        await bench.Put("bomb.xlsx", memory.ToArray());
        Assert.True(memory.Length < 1024 * 1024);
        await bench.Fails("documents.to_markdown", new { path = "bomb.xlsx" }, FailureClass.TooLarge);
    }

    [Theory]
    [InlineData("a.xlsx")]
    [InlineData("a.docx")]
    public async Task A_broken_office_file_is_unreadable_not_an_error(string name)
    {
        await bench.Put(name, "this is no zip");
        await bench.Fails("documents.to_markdown", new { path = name }, FailureClass.Unreadable);
        using var memory = new MemoryStream();
        using (var zip = new ZipArchive(memory, ZipArchiveMode.Create, leaveOpen: true)) zip.CreateEntry("other.xml");
        await bench.Put(name, memory.ToArray());
        await bench.Fails("documents.to_markdown", new { path = name }, FailureClass.Unreadable);
    }

    private async Task<string> Convert(string name, byte[] content)
    {
        await bench.Put(name, content);
        await bench.Do("documents.to_markdown", new { path = name, output = "out.md" });
        var text = await bench.Text("out.md");
        return text[(text.IndexOf("---\n\n", StringComparison.Ordinal) + 5)..];
    }
}
