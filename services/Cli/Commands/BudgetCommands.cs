using System.CommandLine;
using System.Text.Json;

namespace AgentPlatform.Cli.Commands;

/// <summary><c>agentctl budgets …</c>: bounds on what models may cost.</summary>
internal static class BudgetCommands
{
    public static Command Budgets(Shared shared)
    {
        var budgets = new Command("budgets", "Bounds on what models may cost, in tokens and money");
        var name = new Argument<string>("name") { Description = "What a refusal calls it" };
        budgets.Add(shared.Action(new Command("list", "By name"), async (_, platform, say, ct) =>
        {
            say.Answer(await platform.ModelFabric.ListBudgets(ct), all => Show(all.GetProperty("budgets").EnumerateArray()));
            return ExitCode.Done;
        }));
        budgets.Add(shared.Action(new Command("show", "One budget, and what is spent and set aside of it") { name }, async (parsed, platform, say, ct) =>
        {
            say.Answer(await platform.ModelFabric.GetBudget(parsed.GetRequiredValue(name), ct), shown =>
            {
                Show([shown.GetProperty("budget")]);
                Say.Table(["counter", "tokens", "set aside", "money", "set aside"], shown.GetProperty("spent").EnumerateArray().Select(s => new[]
                {
                    s.Text("counter"), s.Text("tokens"), s.Text("tokensReserved"), s.Text("money"), s.Text("moneyReserved"),
                }));
            });
            return ExitCode.Done;
        }));
        budgets.Add(Set(shared, name));
        budgets.Add(shared.Action(new Command("remove", "Take a budget away; what was spent stays on its counters") { name }, async (parsed, platform, say, ct) =>
        {
            await platform.ModelFabric.RemoveBudget(parsed.GetRequiredValue(name), ct);
            say.Answer(new { removed = parsed.GetRequiredValue(name) }, gone => Console.Out.WriteLine($"{gone.removed} is taken away"));
            return ExitCode.Done;
        }));
        return budgets;
    }

    private static Command Set(Shared shared, Argument<string> name)
    {
        var scope = new Option<string>("--scope") { Description = "Whose spending counts", DefaultValueFactory = _ => "all" };
        scope.AcceptOnlyFromAmong("all", "run", "principal", "provider");
        var of = new Option<string?>("--of") { Description = "The one run, principal or provider it is for; each has its own when absent" };
        var window = new Option<string>("--window") { Description = "For ever, or each day (UTC) anew", DefaultValueFactory = _ => "day" };
        window.AcceptOnlyFromAmong("total", "day");
        var tokens = new Option<long?>("--tokens") { Description = "Questions and answers together" };
        var money = new Option<decimal?>("--money") { Description = "By the prices of the models" };
        return shared.Action(new Command("set", "Bound what models may cost") { name, scope, of, window, tokens, money }, async (parsed, platform, say, ct) =>
        {
            if (parsed.GetValue(tokens) is null && parsed.GetValue(money) is null)
            {
                throw new CliException(ExitCode.WrongUse, "Give --tokens, --money or both");
            }

            var set = await platform.ModelFabric.SetBudget(
                parsed.GetRequiredValue(name),
                new { scope = parsed.GetValue(scope), window = parsed.GetValue(window), tokensMax = parsed.GetValue(tokens), moneyMax = parsed.GetValue(money), of = parsed.GetValue(of) }, ct);
            say.Answer(set, budget => Show([budget]));
            return ExitCode.Done;
        });
    }

    private static void Show(IEnumerable<JsonElement> budgets) =>
        Say.Table(["budget", "of", "window", "tokens", "money"], budgets.Select(b => new[]
        {
            b.Text("name"), $"{b.Text("scope")}{(b.Text("of") is { Length: > 0 } of ? " " + of : "")}", b.Text("window"), Or(b.Text("tokensMax")), Or(b.Text("moneyMax")),
        }));

    private static string Or(string text) => text.Length > 0 ? text : "-";
}
