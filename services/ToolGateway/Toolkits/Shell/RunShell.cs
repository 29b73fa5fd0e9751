using System.ComponentModel;
using System.Net;
using System.Text;
using System.Text.Json;
using AgentPlatform.ToolGateway.Policy;
using AgentPlatform.ToolGateway.Sandbox;
using AgentPlatform.ToolGateway.Sandbox.Egress;

namespace AgentPlatform.ToolGateway.Toolkits.Shell;

public sealed record RunShellArguments
{
    [Description("Program and arguments, without a shell. Give either this or script.")]
    public string[]? Argv { get; init; }

    [Description("A POSIX shell script, run by /bin/sh. Give either this or argv.")]
    public string? Script { get; init; }

    [Description("Folder to start in, relative to the workspace.")]
    public string? Cwd { get; init; }

    [Description("Text for standard input.")]
    public string? Stdin { get; init; }

    [Description("Environment variables to add; only names on the gateway's list are accepted.")]
    public Dictionary<string, string>? Env { get; init; }

    [Description("Hosts that it must reach: names or addresses, each with :PORT or for ports 80 and 443. They are asked about, and reached through the HTTP proxy that the environment names (http_proxy, https_proxy).")]
    public string[]? Hosts { get; init; }

    [Description("Seconds until the command is stopped.")]
    public double? TimeoutSeconds { get; init; }
}

/// <summary>What the gateway's operator allows shell commands.</summary>
public sealed record ShellOptions
{
    /// <summary>Environment names a call may set. None of them changes which code a program loads.</summary>
    public IReadOnlyList<string> EnvironmentNames { get; init; } = ["CI", "COLUMNS", "LINES", "NO_COLOR", "SOURCE_DATE_EPOCH", "TZ", "VERBOSE"];

    /// <summary>Also accepted: any name with this prefix, so that plans can hand values to scripts.</summary>
    public string EnvironmentPrefix { get; init; } = "ARG_";

    public TimeSpan DurationDefault { get; init; } = TimeSpan.FromSeconds(60);
    public TimeSpan DurationMax { get; init; } = TimeSpan.FromMinutes(10);
    public int ScriptBytesMax { get; init; } = 64 * 1024;

    /// <summary>Hosts that one call may name.</summary>
    public int HostsMax { get; init; } = 16;

    /// <summary>Connections that are told of with a call, the first ones.</summary>
    public int EgressToldMax { get; init; } = 100;

    /// <summary>Walls of every command; its workspace is added as the writable folder.</summary>
    public SandboxPlan Plan { get; init; } = SandboxPlan.Locked;
}

/// <summary>Runs a command. Only through the sandbox: there is no other way to a process here.</summary>
public sealed class RunShell(Confinement confinement, ShellOptions options) : Tool<RunShellArguments>
{
    public override ToolSpec Spec { get; } = new()
    {
        Server = "shell", Name = "run", Version = "1", Title = "Run a command", InputSchema = Schema, TimeoutDefault = options.DurationDefault, HostArguments = ["hosts"],
        Description = "Runs a program (argv) or a POSIX shell script (script) in the workspace, confined: it can write only there, has no network beyond the hosts it names and is given, and its processor time, memory, " +
            "processes, output and duration are bounded. Returns exit code, stdout and stderr; a non-zero exit code is a failure with the output kept.",
    };

    protected override async Task<ToolOutput> Run(RunShellArguments arguments, ToolCall call, CancellationToken ct)
    {
        var egress = new Egress(options.EgressToldMax);
        var command = new SandboxCommand
        {
            Arguments = CommandLine(arguments),
            Workspace = call.Workspace,
            Folder = arguments.Cwd,
            Input = Encoding.UTF8.GetBytes(arguments.Stdin ?? ""),
            Environment = Allowed(arguments.Env),
            OnLine = call.OnLine,
            OnEgress = egress.Hear,
        };
        var duration = Duration(arguments, call);
        var cpu = duration > options.Plan.Limits.Cpu ? duration : options.Plan.Limits.Cpu; // More time would be of no use without processor time.
        var plan = arguments.Hosts is { Length: > 0 } hosts ? options.Plan.Reach(Reachable(hosts)) : options.Plan;
        var result = await confinement.Run(command, plan.Within(options.Plan.Limits with { Duration = duration, Cpu = cpu }), ct);
        return result switch
        {
            SandboxResult.Refused refused => ToolOutput.Failed(FailureClass.SandboxLayer, $"The sandbox layer '{refused.Layer}' cannot be enforced, so nothing was started. {refused.Reason}"),
            SandboxResult.NotStarted notStarted => ToolOutput.Failed(FailureClass.NotFound, notStarted.Reason),
            SandboxResult.Ended ended => Report(ended, arguments.Hosts is { Length: > 0 } ? egress : null),
            _ => throw new InvalidOperationException($"Unknown sandbox result {result.GetType().Name}."),
        };
    }

    private static ToolOutput Report(SandboxResult.Ended ended, Egress? egress)
    {
        var content = JsonSerializer.SerializeToElement(
            new
            {
                ended.ExitCode,
                Stdout = ended.Output.Text,
                Stderr = ended.Errors.Text,
                StdoutTruncated = ended.Output.Truncated,
                StderrTruncated = ended.Errors.Truncated,
                DurationMs = Math.Round(ended.Duration.TotalMilliseconds, 1),
                Sandbox = ended.Layers.Select(layer => layer.ToString()),
                Egress = egress?.Told,
            },
            ToolJson.Options);
        return new(content, [], ended.End switch
        {
            SandboxEnd.Exited when ended.ExitCode == 0 => null,
            SandboxEnd.Exited => new(FailureClass.ExitCode, $"The command ended with exit code {ended.ExitCode}; stdout and stderr say why.", Retryable: false),
            SandboxEnd.Signalled => new(FailureClass.ExitCode, $"The command was ended by signal {ended.ExitCode - 128}; a limit of the sandbox or a crash is the usual cause.", Retryable: false),
            SandboxEnd.TimedOut => new(FailureClass.Timeout, $"The command was stopped after {ended.Duration.TotalSeconds:0.0} s; give timeout_seconds or do less at once.", Retryable: true),
            SandboxEnd.Cancelled => new(FailureClass.Cancelled, "The command was stopped because the call was cancelled.", Retryable: false),
            SandboxEnd.TooMuchOutput => new(FailureClass.TooLarge, "The command was stopped because it printed too much; write to a file instead.", Retryable: false),
            SandboxEnd.TooMuchMemory or SandboxEnd.TooMuchDisk => new(FailureClass.TooLarge, $"The command was stopped: {ended.Why}.", Retryable: false),
            _ => throw new InvalidOperationException($"Unknown end {ended.End}."),
        })
        {
            Layers = ended.Layers,
        };
    }

    // Each host as rules and people have read it: no pattern that stands for others, no second way to write an address.
    private string[] Reachable(string[] hosts)
    {
        if (hosts.Length > options.HostsMax) throw Invalid($"more than {options.HostsMax} hosts are named");
        foreach (var host in hosts)
        {
            if (host.Contains('*', StringComparison.Ordinal)) throw Invalid($"'{host}' stands for many hosts; name each");
            if (HostGrants.Problem(host) is { } problem) throw Invalid(problem);
            var name = PolicyCall.WithoutPort(host);
            if (IPAddress.TryParse(name, out var address) && address.ToString() != name) throw Invalid($"'{host}' is the address {address}; write it so");
        }
        return hosts;
    }

    private string[] CommandLine(RunShellArguments arguments)
    {
        if (arguments.Argv is { Length: > 0 } argv && arguments.Script is null) return argv;
        if (arguments.Script is not { Length: > 0 } script || arguments.Argv is not null) throw Invalid("give exactly one of argv and script");
        if (Encoding.UTF8.GetByteCount(script) > options.ScriptBytesMax) throw Invalid($"the script is longer than {options.ScriptBytesMax} bytes; put it into a file and run that");
        // As one argument: nothing is written into the workspace, and what runs is what policy saw.
        return ["/bin/sh", "-c", script];
    }

    private Dictionary<string, string> Allowed(Dictionary<string, string>? wanted)
    {
        var allowed = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var (name, value) in wanted ?? [])
        {
            if (!options.EnvironmentNames.Contains(name, StringComparer.Ordinal) && !name.StartsWith(options.EnvironmentPrefix, StringComparison.Ordinal))
                throw Invalid($"the environment name '{name}' is not allowed; use {options.EnvironmentPrefix}… or one of {string.Join(", ", options.EnvironmentNames)}");
            if (name.Contains('=', StringComparison.Ordinal) || name.Contains('\0', StringComparison.Ordinal) || value.Contains('\0', StringComparison.Ordinal))
                throw Invalid($"the environment variable '{name}' contains '=' in its name or a NUL character");
            allowed[name] = value;
        }
        return allowed;
    }

    private TimeSpan Duration(RunShellArguments arguments, ToolCall call)
    {
        if (arguments.TimeoutSeconds is { } seconds && (!double.IsFinite(seconds) || seconds <= 0 || seconds > options.DurationMax.TotalSeconds))
            throw Invalid($"timeout_seconds must be above 0 and at most {options.DurationMax.TotalSeconds}");
        var duration = arguments.TimeoutSeconds is { } wanted ? TimeSpan.FromSeconds(wanted) : options.DurationDefault;
        return call.Timeout is { } given && given < duration ? given : duration;
    }

    private static ToolRefusedException Invalid(string cause) => new(FailureClass.InvalidArguments, $"Bad arguments of shell.run: {cause}.");
}
