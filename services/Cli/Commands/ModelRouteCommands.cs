using System.CommandLine;
using System.Text.Json;

namespace AgentPlatform.Cli.Commands;

/// <summary><c>agentctl routes …</c>: names that callers use as a model, and where they lead.</summary>
internal static class ModelRouteCommands
{
    public static Command Routes(Shared shared)
    {
        var routes = new Command("routes", "Names that lead to a model that fits, and to the next when it fails");
        var name = new Argument<string>("name") { Description = "What callers use as the model" };
        routes.Add(shared.Action(new Command("list", "By name"), async (_, platform, say, ct) =>
        {
            say.Answer(await platform.ModelFabric.ListRoutes(ct), all => Show(all.GetProperty("routes").EnumerateArray()));
            return ExitCode.Done;
        }));
        routes.Add(Set(shared, name));
        routes.Add(Explain(shared, name));
        routes.Add(shared.Action(new Command("remove", "Take a route away") { name }, async (parsed, platform, say, ct) =>
        {
            await platform.ModelFabric.RemoveRoute(parsed.GetRequiredValue(name), ct);
            say.Answer(new { removed = parsed.GetRequiredValue(name) }, gone => Console.Out.WriteLine($"{gone.removed} is taken away"));
            return ExitCode.Done;
        }));
        return routes;
    }

    private static Command Set(Shared shared, Argument<string> name)
    {
        var candidates = new Argument<string[]>("candidates") { Description = "provider/model each, tried in this order; provider/model=WEIGHT shares a tier with its neighbours that have a weight", Arity = ArgumentArity.OneOrMore };
        var local = new Option<bool>("--local-only") { Description = "Never leave this machine, whatever fails" };
        var input = new Option<decimal?>("--input-price-max") { Description = "The dearest question, per million tokens" };
        var output = new Option<decimal?>("--output-price-max") { Description = "The dearest answer, per million tokens" };
        var patience = new Option<double?>("--first-token-within") { Description = "Seconds after which a silent candidate is left for the next" };
        var hedge = new Option<double?>("--hedge-after") { Description = "Seconds after which the next candidate is asked beside a silent one; who begins first is heard, both cost" };
        return shared.Action(new Command("set", "Lead a name to models") { name, candidates, local, input, output, patience, hedge }, async (parsed, platform, say, ct) =>
        {
            var set = await platform.ModelFabric.SetRoute(
                parsed.GetRequiredValue(name),
                new
                {
                    candidates = Tiers(parsed.GetRequiredValue(candidates)), localOnly = parsed.GetValue(local), inputPriceMax = parsed.GetValue(input), outputPriceMax = parsed.GetValue(output),
                    firstTokenWithinSeconds = parsed.GetValue(patience), hedgeAfterSeconds = parsed.GetValue(hedge),
                },
                ct);
            say.Answer(set, route => Show([route]));
            return ExitCode.Done;
        });
    }

    private static Command Explain(Shared shared, Argument<string> name)
    {
        var text = new Option<string>("--text") { Description = "What would be asked", DefaultValueFactory = _ => "hello" };
        var file = new Option<FileInfo?>("--request") { Description = "A whole request in OpenAI's chat form instead, as JSON" };
        var run = new Option<string?>("--run") { Description = "The run it would belong to" };
        var local = new Option<bool>("--local-only") { Description = "As if the caller wanted nothing to leave the machine" };
        return shared.Action(new Command("explain", "Which model a request would get now, and why; nothing is called") { name, text, file, run, local }, async (parsed, platform, say, ct) =>
        {
            var route = parsed.GetRequiredValue(name);
            object request = new { model = route, messages = new[] { new { role = "user", content = parsed.GetValue(text) } } };
            if (parsed.GetValue(file) is { } given)
            {
                var read = given.Exists ? Arguments.Json(given.Name, await File.ReadAllTextAsync(given.FullName, ct)) : throw new CliException(ExitCode.WrongUse, $"There is no file {given}");
                var members = read.ValueKind == JsonValueKind.Object ? read.EnumerateObject().ToDictionary(p => p.Name, p => p.Value) : throw new CliException(ExitCode.WrongUse, $"{given} is no JSON object");
                members["model"] = JsonSerializer.SerializeToElement(route);
                request = members;
            }

            var told = await platform.ModelFabric.ExplainRoute(new { request, run = parsed.GetValue(run), localOnly = parsed.GetValue(local) }, ct);
            say.Answer(told, t => Say.Table(["model", "verdict", "why"], t.GetProperty("candidates").EnumerateArray().Select(c => new[] { c.Text("model"), c.Text("verdict"), c.Text("why") })));
            return ExitCode.Done;
        });
    }

    // One after the other; weighted neighbours stand side by side.
    private static object[] Tiers(string[] candidates)
    {
        var (tier, wasWeighted, all) = (-1, false, new List<object>());
        foreach (var candidate in candidates)
        {
            var at = candidate.LastIndexOf('=');
            var weight = at < 0 ? 1 : int.TryParse(candidate[(at + 1)..], out var given) && given > 0 ? given : throw new CliException(ExitCode.WrongUse, $"'{candidate}': a weight is a positive whole number");
            tier += at >= 0 && wasWeighted ? 0 : 1;
            wasWeighted = at >= 0;
            all.Add(new { model = at < 0 ? candidate : candidate[..at], weight, tier });
        }

        return [.. all];
    }

    private static void Show(IEnumerable<JsonElement> routes) =>
        Say.Table(["route", "leads to", "local only", "price at most", "first token within"], routes.Select(r => new[]
        {
            r.Text("name"),
            string.Join(", ", r.GetProperty("candidates").EnumerateArray().Select(c => c.Text("model") + (c.Text("weight") is "1" or "" ? "" : "=" + c.Text("weight")))),
            r.GetProperty("localOnly").GetBoolean() ? "yes" : "no", $"{Or(r.Text("inputPriceMax"))} / {Or(r.Text("outputPriceMax"))}", Or(r.Text("firstTokenWithinSeconds")),
        }));

    private static string Or(string text) => text.Length > 0 ? text : "-";
}
