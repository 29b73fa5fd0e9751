namespace AgentPlatform.ToolGateway.Tests.Samples;

/// <summary>The made-up quarter behind the sample: one company, everything consistent, the same on every machine.</summary>
internal static class QuarterData
{
    internal sealed record Product(string Sku, string Name, string Category, decimal Price, decimal Cost);

    internal sealed record Sale(string Order, DateOnly Date, string Region, Product Product, int Quantity, decimal UnitPrice, string Channel);

    internal sealed record Return(string Id, Sale Sale, DateOnly Date, int Quantity, string Reason);

    internal static readonly string[] Regions = ["North", "South", "East", "West"];
    internal static readonly string[] Centres = ["Warehouse and freight", "Marketing", "Store leases", "Salaries", "Web platform"];

    internal static readonly Product[] Products =
    [
        new("TN-100", "Trail tent, 2 persons", "Tents", 289.00m, 162.40m), new("TN-200", "Ridge tent, 4 persons", "Tents", 429.00m, 251.30m),
        new("SB-110", "Down sleeping bag", "Sleeping", 199.00m, 104.75m), new("SB-140", "Inflatable mat", "Sleeping", 89.00m, 37.60m),
        new("BP-300", "Summit pack, 45 l", "Packs", 149.00m, 71.20m), new("BP-310", "Day pack, 20 l", "Packs", 79.00m, 33.90m),
        new("ST-050", "Canister stove", "Cooking", 59.00m, 24.15m), new("BT-400", "Trekking boots", "Footwear", 169.00m, 88.05m),
    ];

    private static readonly string[] Reasons =
    [
        "Zip stuck", "Wrong size", "Changed mind, unopened", "Seam leaking after the first night", "Arrived late, bought elsewhere",
        "Customer says: \"pole snapped\"", "Box damaged in transit,\ncontents fine",
    ];

    internal static readonly IReadOnlyList<Sale> Sales = MakeSales();
    internal static readonly IReadOnlyList<Return> Returns = MakeReturns();

    /// <summary>Plan per region and month: about what was sold, better or worse by region, in round figures.</summary>
    internal static decimal Plan(string region, int month)
    {
        var factor = region switch { "North" => 0.93m, "South" => 1.12m, "East" => 1.01m, _ => 0.88m };
        return Math.Round(Sales.Where(sale => sale.Region == region).Sum(Gross) / 3 * factor / 500, MidpointRounding.AwayFromZero) * 500 + ((month - 8) * 1500);
    }

    internal static decimal Cost(string centre, int month) => (Array.IndexOf(Centres, centre) switch
    {
        0 => 3_840.50m,
        1 => 4_310.00m,
        2 => 5_450.00m,
        3 => 29_275.40m,
        _ => 1_880.25m,
    }) + ((month - 7) * (Array.IndexOf(Centres, centre) + 1) * 137.35m);

    internal static decimal Gross(Sale sale) => sale.Quantity * sale.UnitPrice;

    internal static decimal Refund(Return back) => back.Quantity * back.Sale.UnitPrice;

    private static List<Sale> MakeSales()
    {
        var chance = new Chance(20260701);
        var sales = new List<Sale>();
        for (var i = 0; i < 312; i++)
        {
            var date = new DateOnly(2026, 7, 1).AddDays(i * 92 / 312);
            var region = Regions[chance.Next(100) switch { < 34 => 0, < 56 => 1, < 79 => 2, _ => 3 }];
            var product = Products[chance.Next(Products.Length)];
            var channel = chance.Next(10) switch { < 5 => "web", < 8 => "store", _ => "wholesale" };
            var quantity = channel == "wholesale" ? 8 + chance.Next(25) : 1 + chance.Next(7);
            var price = channel == "wholesale" ? decimal.Round(product.Price * 0.82m, 2) : date.Month == 9 && chance.Next(4) == 0 ? decimal.Round(product.Price * 0.9m, 2) : product.Price;
            sales.Add(new($"SO-{7001 + i}", date, region, product, quantity, price, channel));
        }
        return sales;
    }

    private static List<Return> MakeReturns()
    {
        var chance = new Chance(777);
        var returns = new List<Return>();
        for (var i = 0; i < 27; i++)
        {
            var sale = Sales[4 + (i * 11)];
            var date = sale.Date.AddDays(2 + chance.Next(12));
            if (date > new DateOnly(2026, 9, 30)) date = new DateOnly(2026, 9, 30);
            returns.Add(new($"R-{501 + i}", sale, date, 1 + chance.Next(Math.Min(sale.Quantity, 4)), Reasons[chance.Next(Reasons.Length)]));
        }
        return returns;
    }

    /// <summary>Own numbers: those of System.Random may change between runtimes.</summary>
    private sealed class Chance(uint seed)
    {
        private uint state = seed;

        public int Next(int below)
        {
            state = (state * 1_664_525) + 1_013_904_223;
            return (int)((state >> 8) % (uint)below);
        }
    }
}
