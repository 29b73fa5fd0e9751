using System.IO.Enumeration;
using System.Text.Json;
using System.Text.RegularExpressions;
using AgentPlatform.Contracts;
using AgentPlatform.Orchestrator.Runs;
using AgentPlatform.ServiceDefaults;

namespace AgentPlatform.Orchestrator.Plans;

/// <summary>Checks a plan against what exists: its graph, the tools, their arguments, the input files. Nothing is started by it.</summary>
public static partial class CheckPlan
{
    /// <summary>The tool that verifies acceptance checks.</summary>
    public const string VerifyTool = "checks.verify";

    /// <param name="plan">A plan of the right form.</param>
    /// <param name="tools">What ToolGateway offers.</param>
    /// <param name="files">What the workspace holds.</param>
    /// <exception cref="InvalidPlanException">Says everything that is wrong.</exception>
    public static void Against(Plan plan, IReadOnlyCollection<ToolView> tools, IReadOnlySet<string> files)
    {
        ArgumentNullException.ThrowIfNull(plan);
        var errors = PlanGraph.Check(plan).ToList();
        if (plan.Artifacts is { Length: > 0 } && plan.Tasks.Any(t => t.Id == StartRun.VerifyArtifacts))
        {
            errors.Add($"the task that checks the promised artifacts is added under the name '{StartRun.VerifyArtifacts}'; give yours another id");
        }

        foreach (var task in plan.Tasks)
        {
            errors.AddRange(Task(task, tools, files));
        }

        if (errors.Count > 0)
        {
            throw new InvalidPlanException(errors);
        }
    }

    /// <summary>The tools an agent may use: exact names or patterns such as <c>files.*</c>.</summary>
    public static IEnumerable<ToolView> Matching(IEnumerable<ToolView> tools, IReadOnlyCollection<string> patterns) =>
        tools.Where(t => IsMatch(patterns, t.Name) || IsMatch(patterns, t.Id));

    /// <summary>Whether a tool's name fits one of the patterns; <c>*</c> stands for anything.</summary>
    public static bool IsMatch(IReadOnlyCollection<string> patterns, string tool) => patterns.Any(p => FileSystemName.MatchesSimpleExpression(p, tool, ignoreCase: false));

    private static List<string> Task(PlanTask task, IReadOnlyCollection<ToolView> tools, IReadOnlySet<string> files)
    {
        var errors = new List<string>();
        if (task.Tool is { } call)
        {
            var tool = tools.FirstOrDefault(t => t.Name == call.Name || t.Id == call.Name);
            if (tool is null)
            {
                errors.Add($"task '{task.Id}' uses the tool '{call.Name}', which is not registered; 'agentctl tools list' shows what is");
            }
            else
            {
                errors.AddRange(Misfits(tool, call.Arguments).Select(misfit => $"task '{task.Id}': the arguments of {tool.Name} do not fit its schema: {misfit}"));
            }

            errors.AddRange(InputPaths(call.Arguments).Where(path => !files.Contains(path))
                .Select(path => $"task '{task.Id}' reads '{path}', which is not among the input files; put it there, or give the folder with --input"));
        }

        if (task.Agent is { } agent)
        {
            errors.AddRange((agent.Tools ?? []).Where(pattern => !Matching(tools, [pattern]).Any())
                .Select(pattern => $"task '{task.Id}' lets its agent use '{pattern}', which matches no registered tool; 'agentctl tools list' shows what there is"));
        }

        if (task.Checks is { Length: > 0 } && tools.All(t => t.Name != VerifyTool))
        {
            errors.Add($"task '{task.Id}' has checks, but the tool {VerifyTool} is not registered");
        }

        return errors;
    }

    private static List<string> Misfits(ToolView tool, JsonElement? arguments)
    {
        var schema = Schemas.Read(tool.InputSchema);
        try
        {
            return [.. schema.Validate(arguments?.GetRawText() ?? "{}").Take(10).Select(e => $"{e.Kind} at {e.Path}")];
        }
        catch (Newtonsoft.Json.JsonException e)
        {
            return [e.Message];
        }
    }

    // Nothing writes below inputs/, so a path there must exist before the run starts.
    private static IEnumerable<string> InputPaths(JsonElement? value) => value?.ValueKind switch
    {
        JsonValueKind.Object => value.Value.EnumerateObject().SelectMany(p => InputPaths(p.Value)),
        JsonValueKind.Array => value.Value.EnumerateArray().SelectMany(v => InputPaths(v)),
        JsonValueKind.String when InputPath().IsMatch(value.Value.GetString()!) => [value.Value.GetString()!],
        _ => [],
    };

    [GeneratedRegex(@"^inputs/[^\s*?]+$", RegexOptions.CultureInvariant, matchTimeoutMilliseconds: 100)]
    private static partial Regex InputPath();
}
