using System.CommandLine;
using System.Net.Http.Headers;
using System.Text.Json;

namespace AgentPlatform.Cli.Commands;

/// <summary><c>agentctl policies …</c>: where calls of models may go, what is taken out of them, what is kept. What tools may do is <c>agentctl policy</c>.</summary>
internal static class ModelPolicyCommands
{
    public static Command Policies(Shared shared)
    {
        var policies = new Command("policies", "Where calls of models may go, what is taken out before they leave, what is kept of them");
        var name = new Argument<string>("name") { Description = "What a refusal calls it" };
        policies.Add(shared.Action(new Command("list", "By name"), async (_, platform, say, ct) =>
        {
            say.Answer(await platform.ModelFabric.ListPolicies(ct), all => Show(all.GetProperty("policies").EnumerateArray()));
            return ExitCode.Done;
        }));
        policies.Add(shared.Action(new Command("show", "One policy, as JSON that 'set' takes") { name }, async (parsed, platform, say, ct) =>
        {
            say.Answer(await platform.ModelFabric.GetPolicy(parsed.GetRequiredValue(name), ct), policy =>
                Console.Out.WriteLine(JsonSerializer.Serialize(policy.EnumerateObject().Where(p => p.Name != "name" && p.Value.ValueKind != JsonValueKind.Null).ToDictionary(p => p.Name, p => p.Value), Say.Indented)));
            return ExitCode.Done;
        }));
        policies.Add(Set(shared, name));
        policies.Add(Test(shared));
        policies.Add(shared.Action(new Command("remove", "Take a policy away; the others hold as before") { name }, async (parsed, platform, say, ct) =>
        {
            await platform.ModelFabric.RemovePolicy(parsed.GetRequiredValue(name), ct);
            say.Answer(new { removed = parsed.GetRequiredValue(name) }, gone => Console.Out.WriteLine($"{gone.removed} is taken away"));
            return ExitCode.Done;
        }));
        return policies;
    }

    private static Command Set(Shared shared, Argument<string> name)
    {
        var file = new Argument<FileInfo>("file") { Description = "The policy, YAML or JSON; it takes the place of what there was under its name" };
        return shared.Action(new Command("set", "Add or change a policy") { name, file }, async (parsed, platform, say, ct) =>
        {
            using var policy = new StringContent(await Read(parsed.GetRequiredValue(file), ct), new MediaTypeHeaderValue("application/yaml"));
            say.Answer(await platform.ModelFabric.SetPolicy(parsed.GetRequiredValue(name), policy, ct), set => Show([set]));
            return ExitCode.Done;
        });
    }

    private static Command Test(Shared shared)
    {
        var text = new Option<string?>("--text") { Description = "What would be asked" };
        var file = new Option<FileInfo?>("--file") { Description = "A file with it" };
        var model = new Option<string?>("--model") { Description = "provider/model or a route; every policy when absent" };
        var principal = new Option<string?>("--principal") { Description = "Who would ask; you when absent" };
        return shared.Action(new Command("test", "What would be taken out of a text on its way off this machine; nothing is sent") { text, file, model, principal }, async (parsed, platform, say, ct) =>
        {
            var given = (parsed.GetValue(text), parsed.GetValue(file)) switch
            {
                ({ } words, null) => words,
                (null, { } read) => await Read(read, ct),
                _ => throw new CliException(ExitCode.WrongUse, "Give --text or --file"),
            };
            var told = await platform.ModelFabric.TestPolicies(new { text = given, model = parsed.GetValue(model), principal = parsed.GetValue(principal) }, ct);
            say.Answer(told, t =>
            {
                Say.Table(["policy", "rule", "found"], t.GetProperty("found").EnumerateArray().Select(f => new[] { f.Text("policy"), f.Text("rule"), f.Text("count") }));
                Console.Out.WriteLine(t.Text("text"));
            });
            return ExitCode.Done;
        });
    }

    private static void Show(IEnumerable<JsonElement> policies) =>
        Say.Table(["policy", "principal", "models", "hosts", "takes out", "media", "keeps"], policies.Select(p => new[]
        {
            p.Text("name"), Or(p.Text("principal"), "all"), Or(p.Text("models"), "all"), Joined(p, "hosts", host => host.ToString(), "any"), Joined(p, "redact", rule => rule.Text("name"), "-"), Or(p.Text("media"), "-"),
            string.Join(", ", new[] { p.Text("keepTexts") == "True" ? "texts" : "", p.Text("cacheSeconds") is { Length: > 0 } seconds ? $"answers {seconds} s" : "" }.Where(kept => kept.Length > 0)) is { Length: > 0 } keeps ? keeps : "-",
        }));

    private static string Joined(JsonElement policy, string list, Func<JsonElement, string> of, string absent) =>
        policy.TryGetProperty(list, out var all) && all.ValueKind == JsonValueKind.Array ? all.GetArrayLength() == 0 ? "none" : string.Join(", ", all.EnumerateArray().Select(of)) : absent;

    private static async Task<string> Read(FileInfo file, CancellationToken ct) =>
        file.Exists ? await File.ReadAllTextAsync(file.FullName, ct) : throw new CliException(ExitCode.WrongUse, $"There is no file {file.FullName}");

    private static string Or(string text, string absent) => text.Length > 0 ? text : absent;
}
