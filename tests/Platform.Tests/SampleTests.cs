using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;
using System.Text.Json;
using AgentPlatform.Contracts;
using AgentPlatform.Platform.Tests.Stack;
using AgentPlatform.Provisioning.Files;
using static AgentPlatform.ToolGateway.Tests.Samples.QuarterData;

namespace AgentPlatform.Platform.Tests;

/// <summary>The sample that the README shows first.</summary>
[Collection(nameof(TwoSamples))]
public sealed class SampleTests(PlatformStack stack, TwoSamples samples)
{
    private const string Office = "/usr/bin/soffice";

    private readonly RunView first = samples.First;

    [Fact]
    public async Task Twice_the_same_plan_gives_the_same_order_the_same_state_and_the_same_artifacts()
    {
        var second = samples.Second;
        Assert.NotEqual(first.Id, second.Id);
        Assert.Equal(first.Tasks.Select(task => task.Id).Order(StringComparer.Ordinal), first.DispatchOrder.Where(id => first.Tasks.Any(task => task.Id == id)).Order(StringComparer.Ordinal));
        Assert.Equal(first.DispatchOrder, second.DispatchOrder);
        Assert.Equal(first.StateHash, second.StateHash);
        Assert.Equal(["out/report.md", "out/figures.xlsx", "out/board.pptx"], first.Artifacts.Select(artifact => artifact.Path));
        Assert.Equal(first.Artifacts, second.Artifacts);
        foreach (var artifact in first.Artifacts)
        {
            Assert.Equal(artifact.Sha256, await HashOf(Path.Combine(samples.FirstOut, artifact.Path)));
            Assert.Equal(artifact.Sha256, await HashOf(Path.Combine(samples.SecondOut, artifact.Path)));
        }
    }

    [Fact]
    public async Task Its_figures_are_those_that_follow_from_the_input_data()
    {
        decimal gross = Sales.Sum(Gross), refunds = Returns.Sum(Refund), net = gross - refunds;

        using var figures = JsonDocument.Parse(await stack.Text(first.Workspace, "work/figures.json"));
        var totals = figures.RootElement.GetProperty("totals");
        Assert.Equal(gross, totals.GetProperty("gross_revenue").GetDecimal());
        Assert.Equal(refunds, totals.GetProperty("refunds").GetDecimal());
        Assert.Equal(net, totals.GetProperty("net_revenue").GetDecimal());
        Assert.Equal(Regions.Sum(region => Enumerable.Range(7, 3).Sum(month => Plan(region, month))), totals.GetProperty("plan").GetDecimal());
        Assert.Equal(Sales.Sum(sale => sale.Quantity * sale.Product.Cost) - Returns.Sum(back => back.Quantity * back.Sale.Product.Cost), totals.GetProperty("cost_of_goods").GetDecimal());
        Assert.Equal(Centres.Sum(centre => Enumerable.Range(7, 3).Sum(month => Cost(centre, month))), totals.GetProperty("operating_costs").GetDecimal());
        foreach (var region in figures.RootElement.GetProperty("regions").EnumerateArray())
        {
            var name = region.GetProperty("name").GetString();
            Assert.Equal(Sales.Where(sale => sale.Region == name).Sum(Gross) - Returns.Where(back => back.Sale.Region == name).Sum(Refund), region.GetProperty("net_revenue").GetDecimal());
        }

        var report = await File.ReadAllTextAsync(Path.Combine(samples.FirstOut, "out/report.md"));
        Assert.Contains(net.ToString("#,##0.00", CultureInfo.InvariantCulture), report, StringComparison.Ordinal);
        Assert.All(Directory.EnumerateFiles(Path.Combine(Built.Sample("quarterly-report"), "inputs")), source => Assert.Contains($"[{Path.GetFileName(source)}]", report, StringComparison.Ordinal));
    }

    [Fact]
    public async Task An_office_program_opens_the_workbook_and_the_slides()
    {
        Assert.SkipUnless(File.Exists(Office), "LibreOffice is not installed (Debian: libreoffice-calc, libreoffice-impress)");
        using var folder = TemporaryFolder.Make();
        foreach (var name in (string[])["figures", "board"])
        {
            var file = Assert.Single(first.Artifacts, artifact => Path.GetFileNameWithoutExtension(artifact.Path) == name).Path;
            using var office = Process.Start(new ProcessStartInfo(
                Office, [$"-env:UserInstallation=file://{folder.Path}/profile", "--headless", "--convert-to", "pdf", "--outdir", folder.Path, Path.Combine(samples.FirstOut, file)])
            {
                UseShellExecute = false,
                RedirectStandardOutput = true,
            })!;
            await office.WaitForExitAsync().WaitAsync(TimeSpan.FromMinutes(2));
            Assert.Equal(0, office.ExitCode);
            Assert.True(new FileInfo(Path.Combine(folder.Path, name + ".pdf")).Length > 5_000);
        }
    }

    private static async Task<string> HashOf(string file)
    {
        await using var content = File.OpenRead(file);
        return Convert.ToHexStringLower(await SHA256.HashDataAsync(content));
    }
}
