using System.Globalization;
using System.Text;
using System.Text.Json;
using AgentPlatform.ToolGateway.Toolkits;
using AgentPlatform.ToolGateway.Toolkits.Office;
using AgentPlatform.ToolGateway.Toolkits.Spreadsheets;
using static AgentPlatform.ToolGateway.Tests.Samples.QuarterData;

namespace AgentPlatform.ToolGateway.Tests.Samples;

/// <summary>The sample's input files, byte for byte. <see cref="QuarterlyReportInputs"/> writes and compares them.</summary>
internal static class SampleInputs
{
    internal static readonly (string Region, int Answers, int Score)[] Survey = [("North", 142, 47), ("South", 98, 21), ("East", 117, 39), ("West", 88, 52)];
    internal static readonly (string Team, int June, int September)[] Heads = [("Stores", 6, 7), ("Web and service", 3, 3), ("Warehouse", 2, 3), ("Buying and finance", 2, 2), ("Management", 1, 1)];

    internal static IReadOnlyDictionary<string, byte[]> All() => new Dictionary<string, byte[]>
    {
        ["sales.csv"] = Text(Csv(["order_id", "date", "region", "sku", "quantity", "unit_price", "channel"],
            Sales.Select(sale => new[] { sale.Order, $"{sale.Date:yyyy-MM-dd}", sale.Region, sale.Product.Sku, $"{sale.Quantity}", Amount(sale.UnitPrice), sale.Channel }))),
        ["returns.csv"] = Text(Csv(["return_id", "order_id", "date", "quantity", "refund", "reason"],
            Returns.Select(back => new[] { back.Id, back.Sale.Order, $"{back.Date:yyyy-MM-dd}", $"{back.Quantity}", Amount(Refund(back)), Quoted(back.Reason) }))),
        ["regional-plan.xlsx"] = PlanWorkbook(),
        ["products.html"] = Text(ProductPage()),
        ["board-minutes.docx"] = Minutes(),
        ["customer-survey.pdf"] = SurveyPages(),
        ["headcount.md"] = Text(Headcount()),
        ["cost-centres.tsv"] = Text("month\tcentre\tamount\n" + string.Concat(Enumerable.Range(7, 3).SelectMany(month => Centres.Select(centre => $"2026-{month:D2}\t{centre}\t{Amount(Cost(centre, month))}\n")))),
        ["company.json"] = Text("""
            {
              "name": "Alder & Finch Outfitters",
              "quarter": "Q3 2026",
              "currency": "EUR",
              "targets": { "gross_margin": 0.44, "return_rate_max": 0.03 }
            }

            """),
    };

    private static byte[] PlanWorkbook()
    {
        var rows = new List<object[]> { new object[] { "Region", "July", "August", "September", "Quarter" } };
        rows.AddRange(Regions.Select((region, i) => new object[] { region, Plan(region, 7), Plan(region, 8), Plan(region, 9), new { formula = $"SUM(B{i + 2}:D{i + 2})", bold = true } }));
        var json = JsonSerializer.Serialize(new
        {
            sheets = new object[]
            {
                new { name = "Plan", rows, columns = new[] { null, "#,##0", "#,##0", "#,##0", "#,##0" }.Select(format => new { width = 14, format }) },
                new { name = "Notes", header = false, rows = new object[][] { ["Approved", new { date = "2026-06-18" }], ["Basis", "Net revenue after returns, EUR, without VAT"] } },
            },
        });
        return WorkbookWriter.Write(WorkbookModel.Build(JsonSerializer.Deserialize<WorkbookSpec>(json, ToolJson.Options)!, new DocumentOptions()));
    }

    private static string ProductPage() => $"""
        <!doctype html>
        <html lang="en"><head><meta charset="utf-8"><title>Product list</title><style>td {"{ padding: 4px }"}</style><script>console.log("not content")</script></head>
        <body>
        <nav><a href="/">Home</a> <a href="/intranet">Intranet</a></nav>
        <h1>Product list, autumn 2026</h1>
        <p>Unit costs as agreed with suppliers on <strong>2026-06-01</strong>; questions to <a href="mailto:buying@alderfinch.example">Buying</a>.</p>
        <table>
        <thead><tr><th>SKU</th><th>Product</th><th>Category</th><th>List price</th><th>Unit cost</th></tr></thead>
        <tbody>
        {string.Join('\n', Products.Select(product => $"<tr><td>{product.Sku}</td><td>{product.Name}</td><td>{product.Category}</td><td>{Amount(product.Price)}</td><td>{Amount(product.Cost)}</td></tr>"))}
        </tbody></table>
        <h2>Rules</h2>
        <ul><li>Prices are in EUR without VAT.</li><li>Wholesale orders get 18&nbsp;% off:<ul><li>from eight pieces</li><li>never together with a promotion</li></ul></li></ul>
        </body></html>

        """;

    private static byte[] Minutes()
    {
        var document = new SmallDocx();
        return document.Heading(1, "Board meeting, 18 June 2026")
            .Text("Present: ", SmallDocx.Run("M. Alder", bold: true), " (chair), J. Finch, R. Okafor (finance), L. Brandt (operations).")
            .Heading(2, "Decisions")
            .Item(2, 0, "The regional plan for the third quarter is approved as tabled.", document.Footnote("See regional-plan.xlsx, sheet Plan."))
            .Item(2, 0, "Gross margin is to reach ", SmallDocx.Run("44 %", bold: true), " over the quarter.")
            .Item(2, 0, "Returns must stay below ", SmallDocx.Run("3 %", bold: true), " of gross revenue; a region above that reports its reasons.")
            .Heading(2, "Watch list")
            .Item(1, 0, "South: freight delays since May.")
            .Item(1, 1, "A second carrier is being tried from August.")
            .Item(1, 0, "Tents: supplier price rise announced, see the ", document.Link("supplier letter", "https://suppliers.alderfinch.example/letter-12"), ".")
            .Heading(2, "Actions")
            .Table(["Who", "What", "By"], ["R. Okafor", "Quarterly report with figures and sources", "2026-10-15"], ["L. Brandt", "Carrier comparison", "2026-09-30"])
            .Pack();
    }

    private static byte[] SurveyPages() => SmallPdf.Write(
        ["# Customer survey, third quarter 2026", "Asked after delivery: how likely are you to recommend us (0 to 10)?", "", "Region       Answers     Score",
            .. Survey.Select(row => $"{row.Region,-12} {row.Answers,7} {row.Score,9}"), "", "Score = promoters (9-10) minus detractors (0-6), in percent."],
        ["# What customers wrote", "North: \"Fast, and the boots fit at once.\"", "South: \"Came nine days late (again).\"", "East:  \"Good advice in the store.\"", "West:  \"The mat is worth every cent.\""]);

    private static string Headcount() => "# Headcount\n\nPeople at the end of the month, full-time equivalents.\n\n| Team | June 2026 | September 2026 |\n| --- | --- | --- |\n"
        + string.Concat(Heads.Select(row => $"| {row.Team} | {row.June} | {row.September} |\n")) + "\nThe temporary warehouse contract ends in *October*.\n";

    internal static string Amount(decimal value) => value.ToString("0.00", CultureInfo.InvariantCulture);

    private static string Csv(string[] header, IEnumerable<string[]> rows) => string.Concat(rows.Prepend(header).Select(row => string.Join(',', row) + "\n"));

    private static string Quoted(string text) => $"\"{text.Replace("\"", "\"\"", StringComparison.Ordinal)}\"";

    private static byte[] Text(string text) => Encoding.UTF8.GetBytes(text);
}
