using System.Diagnostics;
using System.Text.Json;
using AgentPlatform.ToolGateway.Tests.Toolkits;
using static AgentPlatform.ToolGateway.Tests.Samples.QuarterData;

namespace AgentPlatform.ToolGateway.Tests.Samples;

public sealed class QuarterlyReportTests : IDisposable
{
    private readonly Bench bench = new();

    public void Dispose() => bench.Dispose();

    [Fact]
    public async Task The_plan_runs_and_its_figures_are_those_computed_from_the_data()
    {
        PdfProgram.SkipIfMissing();
        var done = await QuarterlyReportRun.Run(bench);
        Assert.True(done.Count >= 10);

        var figures = JsonDocument.Parse(await bench.Text("work/figures.json")).RootElement;
        var totals = figures.GetProperty("totals");
        decimal gross = Sales.Sum(Gross), refunds = Returns.Sum(Refund), net = gross - refunds;
        var plan = Regions.Sum(region => Enumerable.Range(7, 3).Sum(month => Plan(region, month)));
        var goods = Sales.Sum(sale => sale.Quantity * sale.Product.Cost) - Returns.Sum(back => back.Quantity * back.Sale.Product.Cost);
        var costs = Centres.Sum(centre => Enumerable.Range(7, 3).Sum(month => Cost(centre, month)));
        Assert.Equal(gross, totals.GetProperty("gross_revenue").GetDecimal());
        Assert.Equal(refunds, totals.GetProperty("refunds").GetDecimal());
        Assert.Equal(net, totals.GetProperty("net_revenue").GetDecimal());
        Assert.Equal(plan, totals.GetProperty("plan").GetDecimal());
        Assert.Equal(goods, totals.GetProperty("cost_of_goods").GetDecimal());
        Assert.Equal(costs, totals.GetProperty("operating_costs").GetDecimal());
        Assert.InRange(totals.GetProperty("gross_margin").GetDecimal() - ((net - goods) / net), -0.0001m, 0.0001m);
        Assert.Equal(SampleInputs.Heads.Sum(team => team.September), totals.GetProperty("people").GetInt32());
        foreach (var region in figures.GetProperty("regions").EnumerateArray())
        {
            var name = region.GetProperty("name").GetString()!;
            Assert.Equal(Sales.Where(sale => sale.Region == name).Sum(Gross) - Returns.Where(back => back.Sale.Region == name).Sum(Refund), region.GetProperty("net_revenue").GetDecimal());
            Assert.Equal(SampleInputs.Survey.Single(row => row.Region == name).Score, region.GetProperty("survey_score").GetInt32());
        }

        var report = await bench.Text("out/report.md");
        Assert.Contains(net.ToString("#,##0.00"), report, StringComparison.Ordinal);
        Assert.DoesNotContain("{{", report, StringComparison.Ordinal);
        Assert.All(SampleInputs.All().Keys, source => Assert.Contains($"[{source}]", report, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Two_runs_give_the_same_bytes()
    {
        PdfProgram.SkipIfMissing();
        await QuarterlyReportRun.Run(bench);
        using var second = new Bench();
        await QuarterlyReportRun.Run(second);
        var files = bench.Workspace.List("**/*", 1000).Files;
        Assert.True(files.Count > 20);
        foreach (var file in files) Assert.Equal(await bench.Workspace.Hash(file.Path), await second.Workspace.Hash(file.Path));
    }

    [Fact]
    public async Task An_office_program_opens_the_results()
    {
        PdfProgram.SkipIfMissing();
        Assert.SkipUnless(File.Exists("/usr/bin/soffice"), "LibreOffice is not installed (Debian: libreoffice-calc, libreoffice-impress).");
        await QuarterlyReportRun.Run(bench);
        using var folder = new TestFolder();
        foreach (var name in (string[])["out/figures.xlsx", "out/board.pptx"])
        {
            var path = Path.Combine(bench.Workspace.Root, name);
            var start = new ProcessStartInfo("/usr/bin/soffice",
                [$"-env:UserInstallation=file://{folder.Of("profile")}", "--headless", "--convert-to", "pdf", "--outdir", folder.Path, path]) { RedirectStandardOutput = true, RedirectStandardError = true, UseShellExecute = false };
            using var office = Process.Start(start)!;
            using var deadline = new CancellationTokenSource(TimeSpan.FromMinutes(2));
            await office.WaitForExitAsync(deadline.Token);
            Assert.True(new FileInfo(folder.Of(Path.GetFileNameWithoutExtension(name) + ".pdf")).Length > 5000);
        }
    }
}
