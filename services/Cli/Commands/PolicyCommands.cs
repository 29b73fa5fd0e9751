using System.CommandLine;
using System.Text.Json;
using AgentPlatform.Contracts;

namespace AgentPlatform.Cli.Commands;

/// <summary><c>agentctl policy …</c>: what tools may do.</summary>
internal static class PolicyCommands
{
    public static Command Policy(Shared shared)
    {
        var policy = new Command("policy", "What tools may do");
        policy.Add(shared.Action(new Command("show", "The policy in force, as it was written; --json with the rails"), async (_, platform, say, ct) =>
        {
            say.Answer(await platform.ToolGateway.GetPolicy(ct), p =>
            {
                Console.Error.WriteLine($"version {p.Version}, set by {p.By}{(p.At is { } at ? $" at {at:u}" : string.Empty)}, sha256 {p.Sha256}");
                Console.Out.WriteLine(p.Text.TrimEnd());
            });
            return ExitCode.Done;
        }));
        policy.Add(Set(shared));
        policy.Add(Explain(shared));
        policy.Add(Simulate(shared));
        return policy;
    }

    private static Command Set(Shared shared)
    {
        var file = File("The policy, YAML");
        var expected = new Option<long?>("--expect") { Description = "Only if this version is in force" };
        return shared.Action(new Command("set", "Put a policy in force, as a whole") { file, expected }, async (parsed, platform, say, ct) =>
        {
            var set = await platform.ToolGateway.SetPolicy(new SetPolicyRequest(await Read(parsed.GetRequiredValue(file), ct), parsed.GetValue(expected)), ct);
            say.Answer(set, p => Console.Out.WriteLine($"version {p.Version} is in force"));
            return ExitCode.Done;
        });
    }

    private static Command Explain(Shared shared)
    {
        var tool = new Argument<string>("tool") { Description = "server.tool or server.tool@version" };
        var arguments = new Option<string?>("--arguments") { Description = "A JSON object" };
        var role = new Option<string?>("--role") { Description = "The worker role; developer when absent" };
        var principal = new Option<string?>("--principal") { Description = "On whose behalf; you when absent" };
        var tainted = new Option<bool>("--tainted") { Description = "As if content from outside had been read before" };
        var other = new Option<FileInfo?>("--policy") { Description = "Ask this policy instead of the one in force" };
        return shared.Action(new Command("explain", "What policy says about a call, and which rules speak") { tool, arguments, role, principal, tainted, other }, async (parsed, platform, say, ct) =>
        {
            var request = new ExplainPolicyRequest(
                parsed.GetRequiredValue(tool), parsed.GetValue(arguments) is { } json ? Arguments.Json("--arguments", json) : null, parsed.GetValue(role), parsed.GetValue(principal),
                parsed.GetValue(tainted), parsed.GetValue(other) is { } file ? await Read(file, ct) : null);
            say.Answer(await platform.ToolGateway.ExplainPolicy(request, ct), e =>
            {
                Console.Out.WriteLine($"{Word(e.Verdict.Verdict)}: {e.Verdict.Reason} ({e.Verdict.Rule})");
                Say.Table(["rule", "says", "speaks"], e.Rules.Select(r => new[] { r.IsRail ? $"{r.Rule} (rail)" : r.Rule, Word(r.Verdict), r.Silent is { } silent ? $"no: {silent}" : "yes" }));
            });
            return ExitCode.Done;
        });
    }

    private static Command Simulate(Shared shared)
    {
        var file = File("The policy to try, YAML");
        return shared.Action(new Command("simulate", "Which calls of the past another policy would have decided otherwise") { file }, async (parsed, platform, say, ct) =>
        {
            var text = await Read(parsed.GetRequiredValue(file), ct);
            var (compared, unknown, differences, next) = (0, 0, new List<PolicyDifference>(), default(string));
            do
            {
                var page = await platform.ToolGateway.SimulatePolicy(new SimulatePolicyRequest(text, next), ct);
                (compared, unknown, next) = (compared + page.Compared, unknown + page.Unknown, page.Next);
                differences.AddRange(page.Differences);
            }
            while (next is not null);
            say.Answer(new PolicySimulation(compared, unknown, differences, Next: null), all =>
            {
                Say.Table(["invocation", "tool", "was", "would be", "because of"], all.Differences.Select(d => new[] { d.Invocation.ToString(), d.Tool, Word(d.Was.Verdict), Word(d.Would.Verdict), d.Would.Rule }));
                Console.Error.WriteLine($"{all.Differences.Count} of {all.Compared} calls would be decided otherwise{(all.Unknown > 0 ? $"; {all.Unknown} more were of tools that are not registered now" : string.Empty)}");
            });
            return ExitCode.Done;
        });
    }

    private static Argument<FileInfo> File(string text) => new("file") { Description = text };

    private static async Task<string> Read(FileInfo file, CancellationToken ct) =>
        file.Exists ? await System.IO.File.ReadAllTextAsync(file.FullName, ct) : throw new CliException(ExitCode.WrongUse, $"There is no file {file.FullName}");

    private static string Word(Verdict verdict) => JsonNamingPolicy.SnakeCaseLower.ConvertName(verdict.ToString());
}
