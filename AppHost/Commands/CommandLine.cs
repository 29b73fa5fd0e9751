using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;

namespace AgentPlatform.AppHost.Commands;

/// <summary>Either options to run with, or the exit code of a command line that has already been answered (help, version, wrong use).</summary>
public sealed record ParsedArguments(AppHostOptions? Options, int ExitCode);

/// <summary>The command line of the AppHost.</summary>
internal static class CommandLine
{
    private static readonly string[] ExternalNames = ["postgres", "nats"];

    public static ParsedArguments Parse(string[] args) => Parse(args, Console.Out, Console.Error, Environment.GetEnvironmentVariable);

    internal static ParsedArguments Parse(string[] args, TextWriter output, TextWriter errors, Func<string, string?> setting)
    {
        AppHostOptions? chosen = null;
        var data = Recursive(new Option<string>("--data") { Description = "Folder everything is kept in (else AGENTPLATFORM_DATA, else the user's data folder)", HelpName = "DIR" });
        var portBase = Recursive(new Option<int>("--port-base") { Description = "First port; all others keep their distance from it", HelpName = "PORT", DefaultValueFactory = _ => AppHostOptions.PortBaseDefault });
        var ports = Recursive(Pairs("--port", "A port of its own for a resource, for example dashboard=9000", "NAME=PORT"));
        var only = Recursive(new Option<string[]>("--only") { Description = "Start these resources and what they wait for", HelpName = "NAME,NAME", CustomParser = Names });
        var external = Recursive(new Option<string[]>("--external") { Description = "Use servers that run elsewhere (put a password into a password file: Passfile=...)", HelpName = "postgres=CONNECTION,nats=URL,URL", CustomParser = Externals });
        var replicas = Recursive(Pairs("--replicas", "Instances of a service; each listens 100 ports above the one before", "NAME=COUNT"));
        var natsNodes = Recursive(new Option<int>("--nats-nodes") { Description = "nats-servers: 1, or 3 in a cluster that goes on without one of them (default: 1)", HelpName = "1|3", CustomParser = NatsNodes, DefaultValueFactory = _ => 1 });
        var noDashboard = Recursive(new Option<bool>("--no-dashboard") { Description = "Do without the dashboard and telemetry" });
        var detail = Recursive(new Option<LogDetail?>("--log-level") { Description = "What the terminal shows of the services' logs (default: warning; with run: none)", HelpName = "none|error|warning|all" });
        var quiet = Recursive(new Option<bool>("--quiet") { Description = "The same as --log-level none" });
        portBase.Validators.Add(result => Check(result, result.GetValueOrDefault<int>() is >= 1024 and <= 65_000, "--port-base must be between 1024 and 65000"));
        ports.Validators.Add(result => CheckNumbers(result, 1, 65_535));
        natsNodes.Validators.Add(result => Check(
            result, result.Implicit || !(result.GetResult(external)?.GetValueOrDefault<string[]>() ?? []).Any(pair => Split(pair).Name == "nats"),
            "--nats-nodes counts nats-servers of our own; with --external nats= name all servers of that cluster instead, separated by commas"));
        replicas.Validators.Add(result => CheckNumbers(result, 1, 16));

        var plan = new Argument<string>("PLAN") { Description = "A plan file, or a folder with one" };
        var into = new Option<string>("--out") { Description = "Where the artifacts go", HelpName = "DIR" };
        var input = new Option<string>("--input") { Description = "Folder with the files the plan works on", HelpName = "DIR" };
        plan.Validators.Add(result => Exists(result, result.Tokens.Count == 1 ? result.Tokens[0].Value : "", "There is no plan"));
        input.Validators.Add(result => Exists(result, result.Tokens.Count == 1 ? result.Tokens[0].Value : "", "There is no input folder"));

        var run = new Command("run", "Start the platform, run one plan, stop again; the exit code is the run's") { plan, into, input };
        var root = new RootCommand("Runs the whole platform on this machine: servers, services and the dashboard.")
        {
            data, portBase, ports, only, external, replicas, natsNodes, noDashboard, detail, quiet, run,
        };
        root.SetAction(result => Choose(result, plan: null));
        run.SetAction(result => Choose(result, new PlanToRun(
            Path.GetFullPath(result.GetRequiredValue(plan)), result.GetValue(into) is { } folder ? Path.GetFullPath(folder) : null, result.GetValue(input) is { } files ? Path.GetFullPath(files) : null)));

        var parsed = root.Parse(args);
        var code = parsed.Invoke(new InvocationConfiguration { Output = output, Error = errors });
        return new ParsedArguments(chosen, parsed.Errors.Count > 0 ? ExitCodes.WrongUse : code);

        void Choose(ParseResult result, PlanToRun? plan) => chosen = new AppHostOptions
        {
            DataFolder = Path.GetFullPath(result.GetValue(data) ?? DefaultDataFolder(setting)),
            PortBase = result.GetValue(portBase),
            Ports = Numbers(result.GetValue(ports)),
            Only = result.GetValue(only) ?? [],
            External = (result.GetValue(external) ?? []).Select(Split).ToDictionary(pair => pair.Name, pair => pair.Value, StringComparer.Ordinal),
            Replicas = Numbers(result.GetValue(replicas)),
            NatsNodes = result.GetValue(natsNodes),
            UseDashboard = !result.GetValue(noDashboard),
            LogDetail = result.GetValue(quiet) ? LogDetail.None : result.GetValue(detail) ?? (plan is null ? LogDetail.Warning : LogDetail.None),
            Plan = plan,
        };
    }

    private static string DefaultDataFolder(Func<string, string?> setting) =>
        setting("AGENTPLATFORM_DATA") is { Length: > 0 } own ? own
        : setting("XDG_DATA_HOME") is { Length: > 0 } xdg ? Path.Combine(xdg, "agentplatform")
        : Path.Combine(setting("HOME") is { Length: > 0 } home ? home : "/var/lib", ".local", "share", "agentplatform");

    private static Option<T> Recursive<T>(Option<T> option)
    {
        option.Recursive = true;
        return option;
    }

    private static Option<string[]> Pairs(string name, string description, string helpName) => new(name) { Description = description, HelpName = helpName, CustomParser = Names };

    private static string[] Names(ArgumentResult result) => [.. result.Tokens.SelectMany(token => token.Value.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))];

    private static int NatsNodes(ArgumentResult result)
    {
        var given = result.Tokens is [var only] ? only.Value : "";
        if (given is "1" or "3")
        {
            return given[0] - '0';
        }

        result.AddError($"--nats-nodes is 1, or 3 for a cluster that goes on without one of them (two or four survive no more than one or three); it got {given}");
        return 1;
    }

    /// <summary>A connection string may hold commas; a new pair begins only where a comma is followed by a name we know.</summary>
    private static string[] Externals(ArgumentResult result)
    {
        var found = new List<string>();
        foreach (var piece in result.Tokens.SelectMany(token => token.Value.Split(',')))
        {
            if (Array.Exists(ExternalNames, name => piece.StartsWith(name + "=", StringComparison.Ordinal)))
            {
                found.Add(piece);
            }
            else if (found.Count > 0)
            {
                found[^1] += "," + piece;
            }
            else
            {
                result.AddError($"--external knows {string.Join(" and ", ExternalNames)}, for example nats=nats://host:4222; it got {piece}");
            }
        }

        return [.. found];
    }

    private static (string Name, string Value) Split(string pair)
    {
        var at = pair.IndexOf('=', StringComparison.Ordinal);
        return at < 0 ? (pair, "") : (pair[..at], pair[(at + 1)..]);
    }

    private static Dictionary<string, int> Numbers(string[]? pairs) =>
        (pairs ?? []).Select(Split).ToDictionary(pair => pair.Name, pair => int.Parse(pair.Value, CultureInfo.InvariantCulture), StringComparer.Ordinal);

    private static void CheckNumbers(OptionResult result, int min, int max)
    {
        var pairs = (result.GetValueOrDefault<string[]>() ?? []).Select(Split).ToArray();
        foreach (var (name, value) in pairs)
        {
            var isNumber = int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out var number);
            Check(result, isNumber && number >= min && number <= max, $"{result.Option.Name} wants NAME=NUMBER with a number between {min} and {max}; it got {name}={value}");
        }

        Check(result, pairs.DistinctBy(pair => pair.Name).Count() == pairs.Length, $"{result.Option.Name} names a resource twice");
    }

    private static void Check(SymbolResult result, bool isRight, string otherwise)
    {
        if (!isRight)
        {
            result.AddError(otherwise);
        }
    }

    private static void Exists(SymbolResult result, string path, string otherwise) =>
        Check(result, File.Exists(path) || Directory.Exists(path), $"{otherwise} at {Path.GetFullPath(path.Length > 0 ? path : ".")}");
}
