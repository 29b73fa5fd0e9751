using System.CommandLine;
using System.Text.Json;
using AgentPlatform.Contracts;

namespace AgentPlatform.Cli.Commands;

/// <summary><c>agentctl grants …</c>: leave for calls that policy asks about or that no rule allows.</summary>
internal static class GrantCommands
{
    public static Command Grants(Shared shared)
    {
        var grants = new Command("grants", "Leave for tool calls that policy alone does not allow");
        var state = new Option<string?>("--state") { Description = "active, expired, used_up, revoked, or all", DefaultValueFactory = _ => "active" };
        grants.Add(shared.Action(new Command("list", "Oldest first") { state }, async (parsed, platform, say, ct) =>
        {
            var wanted = parsed.GetValue(state) is "all" ? null : parsed.GetValue(state);
            var (all, after) = (new List<GrantView>(), default(string));
            do
            {
                var page = await platform.ToolGateway.ListGrants(wanted, after, 500, ct);
                all.AddRange(page.Items);
                after = page.Next;
            }
            while (after is not null);
            say.Answer(new Page<GrantView>([.. all], Next: null), p => Say.Table(["grant", "state", "tools", "uses", "until", "given by", "because"], p.Items.Select(g => new[]
            {
                g.Id.ToString(), Word(g.State), string.Join(", ", g.Scope.Tools), g.UsesMax is { } most ? $"{g.Uses} of {most}" : $"{g.Uses}", g.ExpiresAt?.ToString("u") ?? "-", g.GivenBy, g.Because,
            })));
            return ExitCode.Done;
        }));
        var id = Arguments.Id<GrantId>("grant", "Id of the grant");
        grants.Add(shared.Action(new Command("show", "One grant, whole") { id }, async (parsed, platform, say, ct) =>
        {
            say.Answer(await platform.ToolGateway.GetGrant(parsed.GetValue(id), ct), Show);
            return ExitCode.Done;
        }));
        grants.Add(Give(shared));
        grants.Add(shared.Action(new Command("revoke", "Take a grant back, and all that are parts of it") { id }, async (parsed, platform, say, ct) =>
        {
            say.Answer(await platform.ToolGateway.RevokeGrant(parsed.GetValue(id), ct), Show);
            return ExitCode.Done;
        }));
        return grants;
    }

    private static Command Give(Shared shared)
    {
        var tools = new Argument<string[]>("tools") { Description = "Names or patterns, such as files.*", Arity = ArgumentArity.OneOrMore };
        var because = new Option<string>("--because") { Description = "For the record", Required = true };
        var principals = new Option<string[]>("--principal") { Description = "Only these callers; a pattern such as run/*" };
        var roles = new Option<string[]>("--role") { Description = "Only these worker roles" };
        var run = new Option<string?>("--run") { Description = "Only calls of this run" };
        var task = new Option<string?>("--task") { Description = "Only calls of this task of that run" };
        var paths = new Option<string[]>("--path") { Description = "Only where every text argument is a path that fits" };
        var hosts = new Option<string[]>("--host") { Description = "Only where every address in the arguments has a host that fits" };
        var tainted = new Option<bool>("--tainted") { Description = "Good, too, where content from outside has come in" };
        var uses = new Option<int?>("--uses") { Description = "How many calls it is good for" };
        var lasts = new Option<TimeSpan?>("--for") { Description = "How long it is good, such as 01:00:00" };
        var parent = new Option<string?>("--part-of") { Description = "The grant that it is a part of" };
        return shared.Action(
            new Command("give", "Give leave") { tools, because, principals, roles, run, task, paths, hosts, tainted, uses, lasts, parent },
            async (parsed, platform, say, ct) =>
            {
                var scope = new GrantScope(
                    parsed.GetRequiredValue(tools), Some(parsed.GetValue(principals)), Some(parsed.GetValue(roles)), Id<RunId>("--run", parsed.GetValue(run)), parsed.GetValue(task),
                    Some(parsed.GetValue(paths)), Some(parsed.GetValue(hosts)), parsed.GetValue(tainted));
                var request = new GiveGrantRequest(
                    scope, parsed.GetRequiredValue(because), parsed.GetValue(lasts) is { } time ? TimeProvider.System.GetUtcNow() + time : null, parsed.GetValue(uses), Id<GrantId>("--part-of", parsed.GetValue(parent)));
                say.Answer(await platform.ToolGateway.GiveGrant(request, ct), Show);
                return ExitCode.Done;
            });
    }

    private static string[]? Some(string[]? values) => values is { Length: > 0 } ? values : null;

    private static T? Id<T>(string option, string? text)
        where T : struct, IParsable<T> =>
        text is null ? null : T.TryParse(text, null, out var id) ? id : throw new CliException(ExitCode.WrongUse, $"{option} '{text}' is no id");

    private static void Show(GrantView grant)
    {
        Console.Out.WriteLine($"{grant.Id}  {Word(grant.State)}  {string.Join(", ", grant.Scope.Tools)}  used {grant.Uses}{(grant.UsesMax is { } most ? $" of {most}" : string.Empty)}");
        Console.Out.WriteLine(JsonSerializer.Serialize(grant.Scope, ContractJson.Options));
        Console.Out.WriteLine($"given by {grant.GivenBy} at {grant.GivenAt:u}{(grant.ExpiresAt is { } end ? $", good until {end:u}" : string.Empty)}: {grant.Because}");
        if (grant.RevokedBy is { } by)
        {
            Console.Out.WriteLine($"taken back by {by}");
        }
    }

    private static string Word(GrantState state) => JsonNamingPolicy.SnakeCaseLower.ConvertName(state.ToString());
}
