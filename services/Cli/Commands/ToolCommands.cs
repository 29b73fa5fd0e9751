using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using AgentPlatform.Contracts;

namespace AgentPlatform.Cli.Commands;

/// <summary><c>agentctl tools …</c>.</summary>
internal static class ToolCommands
{
    public static Command Tools(Shared shared)
    {
        var tools = new Command("tools", "Look at tools and call them");
        tools.Add(shared.Action(new Command("list", "Every tool that can be called"), async (_, platform, say, ct) =>
        {
            var page = await platform.ToolGateway.ListTools(ct);
            say.Answer(page, p => Say.Table(["tool", "title", "is", "health"], p.Items.Select(t => new[] { t.Id, t.Title, Traits(t), Health(t.Health) })));
            return ExitCode.Done;
        }));
        tools.Add(Call(shared));
        return tools;
    }

    private static Command Call(Shared shared)
    {
        var tool = new Argument<string>("tool") { Description = "server.tool or server.tool@version" };
        var arguments = new Option<string>("--arguments") { Description = "A JSON object", DefaultValueFactory = _ => "{}" };
        var workspace = new Option<string?>("--workspace") { Description = "Id of the workspace to work in; a new one when absent" };
        return shared.Action(new Command("call", "Call a tool, under the same policy as everybody") { tool, arguments, workspace }, async (parsed, platform, say, ct) =>
        {
            var request = new InvokeRequest(parsed.GetRequiredValue(tool), Arguments.Json("--arguments", parsed.GetRequiredValue(arguments)), Workspace(parsed.GetValue(workspace)));
            var view = await platform.ToolGateway.Invoke(request, ct);
            say.Answer(view, v =>
            {
                Console.Out.WriteLine(v.Outcome is { } outcome
                    ? outcome.Error is { } error ? $"{outcome.Status.ToString().ToLowerInvariant()} ({error.Class}): {error.Message}" : JsonSerializer.Serialize(outcome.Content, ContractJson.Options)
                    : v.State == InvocationState.WaitingApproval ? $"waits for an approval: agentctl requests approve {v.Id}" : $"still at work: invocation {v.Id}");
            });
            return view.Outcome is { Status: not ToolOutcomeStatus.Completed } ? ExitCode.Failed : ExitCode.Done;
        });
    }

    private static WorkspaceId Workspace(string? text) =>
        text is null ? WorkspaceId.New() : WorkspaceId.TryParse(text, null, out var id) ? id : throw new CliException(ExitCode.WrongUse, $"--workspace '{text}' is no id");

    private static string Health(ToolHealth? health) => health is null ? "not used yet" : string.Create(
        CultureInfo.InvariantCulture,
        $"{health.State.ToString().ToLowerInvariant()} since {health.Since:u}, {health.ErrorRate:0%} errors, p50 {health.MsP50:0} ms, p95 {health.MsP95:0} ms{(health.State == ToolHealthState.Failing ? $": {health.LastError}" : "")}");

    private static string Traits(ToolView tool) => string.Join(", ", new[]
    {
        tool.ReadOnly ? "read-only" : null, tool.Idempotent ? "idempotent" : null, tool.Destructive ? "destructive" : null, tool.OpenWorld ? "open-world" : null,
    }.OfType<string>());
}
