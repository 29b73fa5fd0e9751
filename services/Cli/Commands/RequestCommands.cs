using System.CommandLine;
using System.Text.Json;
using AgentPlatform.Contracts;

namespace AgentPlatform.Cli.Commands;

/// <summary><c>agentctl requests …</c>: the human inbox.</summary>
internal static class RequestCommands
{
    public static Command Requests(Shared shared)
    {
        var requests = new Command("requests", "Answer what agents ask");
        var state = new Option<string?>("--state") { Description = "pending, approved, denied, expired, withdrawn, or all", DefaultValueFactory = _ => "pending" };
        requests.Add(shared.Action(new Command("list", "Oldest first") { state }, async (parsed, platform, say, ct) =>
        {
            var wanted = parsed.GetValue(state);
            var page = await platform.Sessions.ListRequests(wanted == "all" ? null : wanted, ct: ct);
            say.Answer(page, p => Say.Table(["request", "state", "title", "asked by", "since"], p.Items.Select(r => new[]
            {
                r.Id.ToString(), JsonNamingPolicy.SnakeCaseLower.ConvertName(r.State.ToString()), r.Title, r.AskedBy, r.AskedAt.ToString("u"),
            })));
            return ExitCode.Done;
        }));
        var id = Arguments.Id<RequestId>("request", "Id of the request");
        requests.Add(shared.Action(new Command("show", "What exactly is asked") { id }, async (parsed, platform, say, ct) =>
        {
            say.Answer(await platform.Sessions.GetRequest(parsed.GetValue(id), ct), Show);
            return ExitCode.Done;
        }));
        requests.Add(Decide(shared, "approve", "Say yes to exactly what was asked", Decision.Approve));
        requests.Add(Decide(shared, "deny", "Say no", Decision.Deny));
        return requests;
    }

    private static Command Decide(Shared shared, string name, string text, Decision decision)
    {
        var id = Arguments.Id<RequestId>("request", "Id of the request");
        var comment = new Option<string?>("--comment") { Description = "For the record" };
        var command = new Command(name, text) { id, comment };
        var remember = new Option<RememberFor?>("--remember") { Description = "For what else the yes is good: task, run or always" };
        var arguments = new Option<string?>("--arguments") { Description = "Run the call with these arguments instead, a JSON object" };
        if (decision == Decision.Approve)
        {
            command.Add(remember);
            command.Add(arguments);
        }

        return shared.Action(command, async (parsed, platform, say, ct) =>
        {
            var answer = decision == Decision.Approve
                ? new DecideRequest(decision, parsed.GetValue(comment), parsed.GetValue(remember), parsed.GetValue(arguments) is { } json ? Arguments.Json("--arguments", json) : null)
                : new DecideRequest(decision, parsed.GetValue(comment));
            say.Answer(await platform.Sessions.Decide(parsed.GetValue(id), answer, ct), Show);
            return ExitCode.Done;
        });
    }

    private static void Show(RequestView request)
    {
        Console.Out.WriteLine($"{request.Id}  {JsonNamingPolicy.SnakeCaseLower.ConvertName(request.State.ToString())}  {request.Title}");
        Console.Out.WriteLine(request.Detail);
        Console.Out.WriteLine($"asked by {request.AskedBy} at {request.AskedAt:u}, bound to {request.CallHash}");
        if (request.State == RequestState.Pending && (request.Approvals > 1 || request.EscalatedAt is not null))
        {
            Console.Out.WriteLine(
                $"needs {request.Approvals} to say yes{(request.ApprovedBy is { } yes ? $", has {string.Join(", ", yes)}" : string.Empty)}{(request.EscalatedAt is { } since ? $"; since {since:u} only an owner may answer" : string.Empty)}");
        }

        if (request.DecidedBy is { } by)
        {
            Console.Out.WriteLine($"decided by {by} at {request.DecidedAt:u}{(request.Comment is { } comment ? $": {comment}" : string.Empty)}");
        }
    }
}
