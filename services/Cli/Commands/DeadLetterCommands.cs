using System.CommandLine;
using System.Net;
using System.Text.Json;
using AgentPlatform.Contracts;
using RestEase;

namespace AgentPlatform.Cli.Commands;

/// <summary><c>agentctl dead-letters …</c>: messages that a handler gave up on, of every service.</summary>
internal static class DeadLetterCommands
{
    private const int PageSize = 100;

    public static Command DeadLetters(Shared shared)
    {
        var letters = new Command("dead-letters", "Messages that a service gave up on: look at them, send them again");
        var service = new Option<string?>("--service") { Description = $"Only this service: {string.Join(", ", ServiceNames.All)}" };
        service.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<string?>() is { } name && !ServiceNames.All.Contains(name, StringComparer.Ordinal))
            {
                result.AddError($"'{name}' is no service; there are {string.Join(", ", ServiceNames.All)}");
            }
        });
        letters.Add(List(shared, service));
        letters.Add(Show(shared, service));
        letters.Add(Retry(shared, service));
        return letters;
    }

    private static Command List(Shared shared, Option<string?> service)
    {
        var state = new Option<string>("--state") { Description = "waiting, retried, discarded, or all", DefaultValueFactory = _ => "waiting" };
        return shared.Action(new Command("list", "Newest first, service by service") { service, state }, async (parsed, platform, say, ct) =>
        {
            var wanted = parsed.GetValue(state) is { } word && word != "all" ? word : null;
            var found = new List<ServiceDeadLetter>();
            foreach (var name in Services(parsed.GetValue(service)))
            {
                for (string? after = null; ;)
                {
                    var page = await platform.DeadLetters(name).List(wanted, after: after, limit: PageSize, ct: ct);
                    found.AddRange(page.Items.Select(letter => new ServiceDeadLetter(name, letter)));
                    if ((after = page.Next) is null)
                    {
                        break;
                    }
                }
            }

            say.Answer(found, all => Say.Table(["dead letter", "service", "state", "type", "attempts", "died at", "cause"], all.Select(d => new[]
            {
                d.Letter.Id.ToString(), d.Service, Word(d.Letter.State), d.Letter.Type, d.Letter.Attempts.ToString(), d.Letter.DiedAt.ToString("u"), d.Letter.Cause.ReplaceLineEndings(" "),
            })));
            return ExitCode.Done;
        });
    }

    private static Command Show(Shared shared, Option<string?> service)
    {
        var id = new Argument<Guid>("id") { Description = "Id of the dead letter", CustomParser = ParseId };
        return shared.Action(new Command("show", "The message as it travelled, the cause and where it went wrong") { id, service }, async (parsed, platform, say, ct) =>
        {
            var (name, detail) = await Find(platform, parsed.GetValue(id), parsed.GetValue(service), ct);
            say.Answer(new { service = name, deadLetter = detail }, _ => Print(name, detail));
            return ExitCode.Done;
        });
    }

    private static Command Retry(Shared shared, Option<string?> service)
    {
        var id = new Argument<Guid?>("id") { Description = "Id of the dead letter", Arity = ArgumentArity.ZeroOrOne, CustomParser = result => ParseId(result) };
        var all = new Option<bool>("--all") { Description = "Everything that waits" };
        var command = new Command("retry", "Send one again, or all: to the handler that gave up and to nobody else") { id, all, service };
        command.Validators.Add(result =>
        {
            if (result.GetResult(id) is { Tokens.Count: > 0 } == result.GetValue(all))
            {
                result.AddError("Give either the id of a dead letter or --all");
            }
        });
        return shared.Action(command, async (parsed, platform, say, ct) =>
        {
            if (parsed.GetValue(all))
            {
                return await RetryAll(platform, parsed.GetValue(service), say, ct);
            }

            var (name, detail) = await Find(platform, parsed.GetValue(id)!.Value, parsed.GetValue(service), ct);
            var retried = await platform.DeadLetters(name).Retry(detail.Letter.Id, ct);
            say.Answer(new ServiceDeadLetter(name, retried), d => Console.Out.WriteLine($"{d.Letter.Id} was sent again to {d.Letter.Handler}"));
            return ExitCode.Done;
        });
    }

    private static async Task<int> RetryAll(Platform platform, string? service, Say say, CancellationToken ct)
    {
        var counts = new List<ServiceRetries>();
        foreach (var name in Services(service))
        {
            var (sent, left) = (0L, 0L);
            while (true)
            {
                var part = await platform.DeadLetters(name).RetryAll(new RetryDeadLetters(), ct);
                (sent, left) = (sent + part.Retried, part.Waiting);
                if (part.Retried == 0 || part.Waiting == 0)
                {
                    break;
                }
            }

            counts.Add(new ServiceRetries(name, sent, left));
        }

        say.Answer(counts, all => Say.Table(["service", "sent again", "still waiting"], all.Select(c => new[] { c.Service, c.Retried.ToString(), c.Waiting.ToString() })));
        return ExitCode.Done;
    }

    // An id says nothing of its service; who is asked and does not know it passes it on.
    private static async Task<(string Service, DeadLetterDetail Detail)> Find(Platform platform, Guid id, string? service, CancellationToken ct)
    {
        foreach (var name in Services(service))
        {
            try
            {
                return (name, await platform.DeadLetters(name).Show(id, ct));
            }
            catch (ApiException e) when (e.StatusCode == HttpStatusCode.NotFound)
            {
                // Not this one's.
            }
        }

        throw new CliException(ExitCode.WrongUse, $"There is no dead letter {id} in {string.Join(", ", Services(service))}; 'agentctl dead-letters list' shows what there is");
    }

    private static void Print(string service, DeadLetterDetail detail)
    {
        var letter = detail.Letter;
        Console.Out.WriteLine($"{letter.Id}  {Word(letter.State)}  {letter.Type}");
        Console.Out.WriteLine($"{letter.Handler} in {service} gave up at {letter.DiedAt:u} after {letter.Attempts} attempts: {letter.Cause}");
        if (letter.State != DeadLetterState.Waiting)
        {
            Console.Out.WriteLine(letter.State == DeadLetterState.Retried ? $"sent again at {letter.RetriedAt:u}" : $"discarded at {letter.DiscardedAt:u} by {letter.DiscardedBecause}");
        }

        Console.Out.WriteLine();
        Console.Out.WriteLine(detail.Envelope is { } envelope ? JsonSerializer.Serialize(envelope, Say.Indented) : $"no JSON; Base64: {detail.Raw}");
        if (detail.Stack is { } stack)
        {
            Console.Out.WriteLine();
            Console.Out.WriteLine(stack);
        }
    }

    private static Guid ParseId(System.CommandLine.Parsing.ArgumentResult result)
    {
        if (Guid.TryParse(result.Tokens.Single().Value, out var id))
        {
            return id;
        }

        result.AddError($"'{result.Tokens.Single().Value}' is no id: ids look like 0199e0a4-0000-7000-8000-000000000000");
        return default;
    }

    private static IReadOnlyList<string> Services(string? only) => only is null ? ServiceNames.All : [only];

    private static string Word(DeadLetterState state) => JsonNamingPolicy.SnakeCaseLower.ConvertName(state.ToString());

    private sealed record ServiceDeadLetter(string Service, DeadLetterView Letter);

    private sealed record ServiceRetries(string Service, long Retried, long Waiting);
}
