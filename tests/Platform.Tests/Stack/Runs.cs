using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using AgentPlatform.Contracts;

namespace AgentPlatform.Platform.Tests.Stack;

/// <summary>Runs as a caller of the platform sees them.</summary>
internal static partial class Runs
{
    public static bool HasEnded(this RunView run) => run.Status is RunStatus.Succeeded or RunStatus.Failed or RunStatus.Stopped;

    public static TaskView Task(this RunView run, string id) => run.Tasks.Single(task => task.Id == id);

    public static bool HasBegun(this TaskView task) => task.State is not (TaskState.Pending or TaskState.Ready);

    public static Task<RunView> StartRun(this PlatformStack stack, string yaml) =>
        stack.Orchestrator.StartRun(null, new StartRunRequest(Plan: JsonSerializer.SerializeToElement(yaml)), TestContext.Current.CancellationToken);

    public static Task<RunView> Sees(this PlatformStack stack, RunId run, Func<RunView, bool> holds, string what) =>
        stack.Until(() => stack.Orchestrator.GetRun(run), holds, $"{what}, in run {run}");

    public static Task<RunView> Ends(this PlatformStack stack, RunId run) => stack.Sees(run, HasEnded, "the run ends");

    /// <summary>The id that <c>agentctl run</c> says when the run was accepted.</summary>
    public static async Task<RunId> RunOf(this PlatformStack stack, RunningProgram agentctl)
    {
        var said = await stack.Until(
            () => System.Threading.Tasks.Task.FromResult((Accepted: Accepted().Match(agentctl.Errors), agentctl.IsRunning, agentctl.Errors)), seen => seen.Accepted.Success || !seen.IsRunning, "agentctl says the run's id");
        Assert.True(said.Accepted.Success, said.Errors);
        return RunId.Parse(said.Accepted.Groups["id"].Value, null);
    }

    /// <summary>The run that <c>agentctl run --json</c> printed.</summary>
    public static RunView Run(this Ended ended) => JsonSerializer.Deserialize<RunView>(ended.Output, ContractJson.Options)!;

    public static async Task<bool> Has(this PlatformStack stack, WorkspaceId workspace, string path) =>
        (await stack.ToolGateway.ListFiles(workspace)).Items.Any(file => file.Path == path);

    public static async Task<byte[]> Bytes(this PlatformStack stack, WorkspaceId workspace, string path)
    {
        using var answer = await stack.ToolGateway.GetFile(workspace, path);
        answer.EnsureSuccessStatusCode();
        return await answer.Content.ReadAsByteArrayAsync();
    }

    public static async Task<string> Text(this PlatformStack stack, WorkspaceId workspace, string path) => Encoding.UTF8.GetString(await stack.Bytes(workspace, path));

    /// <summary>A step that says it is inside, and then waits until the test lets it go on: <see cref="IsInside"/>, <see cref="LetGo"/>.</summary>
    public static string Gate(string name) => $"mkdir -p work; touch work/inside-{name}; while [ ! -e go/{name} ]; do sleep 0.05; done";

    public static Task IsInside(this PlatformStack stack, WorkspaceId workspace, string name) =>
        stack.Until(() => stack.Has(workspace, $"work/inside-{name}"), inside => inside, $"the tool of {name} is at work");

    public static async Task LetGo(this PlatformStack stack, WorkspaceId workspace, string name)
    {
        using var content = new MemoryStream("go"u8.ToArray());
        await stack.ToolGateway.PutFile(workspace, $"go/{name}", content);
    }

    /// <summary>Per invocation of a run: how often it was settled, and whether its outcome is unknown; from ToolGateway's own store.</summary>
    public static async Task<IReadOnlyList<(string Invocation, long Settled, bool IsUnknown)>> Invocations(this PlatformStack stack, RunId run)
    {
        await using var database = stack.Database(ServiceNames.ToolGateway);
        await using var command = database.CreateCommand("""
            select stream_id, count(*) filter (where type = 'invocation-settled.1'), bool_or(type = 'invocation-settled.1' and coalesce(data #>> '{Outcome,Error,Class}', '') = 'unknown_outcome')
            from mt_events where correlation_id = $1 group by stream_id
            having bool_or(type = 'invocation-requested.1')
            """);
        command.Parameters.Add(new() { Value = run.ToString() });
        await using var reader = await command.ExecuteReaderAsync();
        var found = new List<(string, long, bool)>();
        while (await reader.ReadAsync())
        {
            found.Add((reader.GetString(0), reader.GetInt64(1), reader.GetBoolean(2)));
        }

        return found;
    }

    [GeneratedRegex(@"^run (?<id>\S+) of ", RegexOptions.Multiline | RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Accepted();
}
