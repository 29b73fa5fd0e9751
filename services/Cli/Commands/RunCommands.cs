using System.CommandLine;
using System.Text.Json;
using AgentPlatform.Contracts;

namespace AgentPlatform.Cli.Commands;

/// <summary><c>agentctl run</c> and <c>agentctl runs …</c>.</summary>
internal static class RunCommands
{
    public static Command Run(Shared shared)
    {
        var plan = new Argument<string?>("plan") { Description = "A plan file (YAML or JSON), or a folder with plan.yaml, inputs/ and models/", Arity = ArgumentArity.ZeroOrOne };
        var goal = new Option<string?>("--goal") { Description = "A goal in words, instead of a plan" };
        var input = new Option<string?>("--input") { Description = "A folder whose files become inputs/…" };
        var output = new Option<string?>("--out") { Description = "Where the artifacts are put" };
        var watch = new Option<bool>("--watch") { Description = "Show the run until it ends (the default)" };
        var detach = new Option<bool>("--detach") { Description = "Start the run, print its id and leave" };
        var command = new Command("run", "Run a plan") { plan, goal, input, output, watch, detach };
        command.Validators.Add(result =>
        {
            if (result.GetValue(watch) && result.GetValue(detach))
            {
                result.AddError("--watch and --detach exclude each other");
            }
        });
        return shared.Action(command, (parsed, platform, say, ct) =>
            new RunPlan(parsed.GetValue(plan), parsed.GetValue(goal), parsed.GetValue(input), parsed.GetValue(output), parsed.GetValue(detach)).Execute(platform, say, ct));
    }

    public static Command Runs(Shared shared)
    {
        var runs = new Command("runs", "Look at runs and steer them");
        var limit = new Option<int>("--limit") { Description = "Runs on a page, 1 to 200", DefaultValueFactory = _ => 50 };
        var after = new Option<string?>("--after") { Description = "Cursor that the page before ended with" };
        runs.Add(shared.Action(new Command("list", "Newest first") { limit, after }, async (parsed, platform, say, ct) =>
        {
            var page = await platform.Orchestrator.ListRuns(parsed.GetValue(after), parsed.GetValue(limit), ct);
            say.Answer(page, p =>
            {
                Say.Table(["run", "plan", "status", "tasks", "started"], p.Items.Select(r => new[] { r.Id.ToString(), r.Name, Word(r.Status), $"{r.TasksDone}/{r.TasksTotal}", r.StartedAt.ToString("u") }));
                if (p.Next is { } next)
                {
                    Say.Progress($"more: --after {next}");
                }
            });
            return ExitCode.Done;
        }));
        runs.Add(One(shared, "show", "One run with its tasks", (platform, id, ct) => platform.Orchestrator.GetRun(id, ct)));
        runs.Add(One(shared, "pause", "Dispatch nothing new", (platform, id, ct) => platform.Orchestrator.Pause(id, ct)));
        runs.Add(One(shared, "resume", "Go on after a pause", (platform, id, ct) => platform.Orchestrator.Resume(id, ct)));
        runs.Add(One(shared, "stop", "End the run; what is at work is cancelled", (platform, id, ct) => platform.Orchestrator.Stop(id, ct)));
        runs.Add(Watch(shared));
        runs.Add(Events(shared));
        return runs;
    }

    private static Command One(Shared shared, string name, string text, Func<Platform, RunId, CancellationToken, Task<RunView>> ask)
    {
        var id = Arguments.Id<RunId>("run", "Id of the run");
        return shared.Action(new Command(name, text) { id }, async (parsed, platform, say, ct) =>
        {
            say.Answer(await ask(platform, parsed.GetValue(id), ct), Show);
            return ExitCode.Done;
        });
    }

    private static Command Watch(Shared shared)
    {
        var id = Arguments.Id<RunId>("run", "Id of the run");
        return shared.Action(new Command("watch", "Show a run until it ends; the exit code is the run's") { id }, async (parsed, platform, say, ct) =>
        {
            var ended = await RunPlan.Watch(platform, await platform.Orchestrator.GetRun(parsed.GetValue(id), ct), ct);
            say.Answer(ended, Show);
            return ended.Status == RunStatus.Succeeded ? ExitCode.Done : ExitCode.Failed;
        });
    }

    private static Command Events(Shared shared)
    {
        var id = Arguments.Id<RunId>("run", "Id of the run");
        var after = new Option<long>("--after") { Description = "Position of the last event already known" };
        var limit = new Option<int>("--limit") { Description = "Events on a page, 1 to 1000", DefaultValueFactory = _ => 200 };
        return shared.Action(new Command("events", "What happened, in order") { id, after, limit }, async (parsed, platform, say, ct) =>
        {
            var page = await platform.Orchestrator.ListEvents(parsed.GetValue(id), parsed.GetValue(after), parsed.GetValue(limit), ct);
            say.Answer(page, p =>
            {
                foreach (var e in p.Items)
                {
                    Console.Out.WriteLine($"{e.Id}\t{e.At:O}\t{e.Type}\t{JsonSerializer.Serialize(e.Data, ContractJson.Options)}");
                }

                if (p.Next is { } next)
                {
                    Say.Progress($"more: --after {next}");
                }
            });
            return ExitCode.Done;
        });
    }

    private static void Show(RunView run)
    {
        Console.Out.WriteLine($"run {run.Id} of {run.Name}: {Word(run.Status)}{(run.Reason is null ? string.Empty : $": {run.Reason}")}");
        Say.Table(["task", "role", "state", "attempt", "worker", "reason"], run.Tasks.Select(t => new[]
        {
            t.Id, t.Role, Word(t.State), t.Attempt.ToString(), t.Worker ?? string.Empty, t.Reason ?? string.Empty,
        }));
        Console.Out.WriteLine($"state hash {run.StateHash}");
        foreach (var artifact in run.Artifacts)
        {
            Console.Out.WriteLine($"{artifact.Path}  {artifact.Bytes} bytes  sha256:{artifact.Sha256}");
        }
    }

    private static string Word<T>(T value)
        where T : struct, Enum => JsonNamingPolicy.SnakeCaseLower.ConvertName(value.ToString());
}
