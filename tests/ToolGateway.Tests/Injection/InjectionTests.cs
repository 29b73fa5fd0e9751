using System.Text.Json;
using AgentPlatform.Contracts;
using AgentPlatform.ServiceDefaults;
using AgentPlatform.Testing;
using AgentPlatform.ToolGateway.Invocations;
using AgentPlatform.ToolGateway.Policy;
using AgentPlatform.ToolGateway.Tests.Invocations;

namespace AgentPlatform.ToolGateway.Tests.Injection;

/// <summary>
/// Texts from outside that tell a model what to do, and a model that does it at once. Nothing here reads the texts or tries to tell good ones from bad ones: what
/// counts is that something came in, and what is asked for afterwards.
/// </summary>
public sealed class InjectionTests(Servers servers) : IClassFixture<Servers>
{
    private static readonly JsonSerializerOptions Web = JsonSerializerOptions.Web;

    private static readonly string Policy = ReadPolicy.ShippedText("default.yaml") + """

          - name: mail
            tools: [outside.*]
            verdict: allow
            because: the user lets agents read and send mail and fetch pages
        """;

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task No_text_from_outside_makes_a_high_risk_tool_run_not_even_with_a_model_that_obeys()
    {
        var corpus = Corpus();
        var (read, send, fetch) = (new MailTool("read", corpus), new MailTool("send", corpus), new MailTool("fetch", corpus));
        var (shell, delete) = (new MailTool("run", corpus, "shell", openWorld: false), new MailTool("delete", corpus, "files", openWorld: false, destructive: true));
        await using var gateway = await GatewayHost.Start(servers, read, send, fetch, shell, delete);
        await gateway.Policy.Set(Policy, "test", expected: null, Ct);
        var obeyed = new List<(Injected Text, InvocationId Call)>();
        for (var i = 0; i < corpus.Count; i++)
        {
            var workspace = WorkspaceId.New();
            var reading = await Called(gateway, "outside.read", new { number = i }, workspace);
            var seen = (await gateway.Ended(reading)).Outcome;
            Assert.Equal(corpus[i].Text, seen.Content.GetProperty("text").GetString());

            obeyed.Add((corpus[i], await Called(gateway, corpus[i].Tool, corpus[i].Arguments, workspace)));
        }

        foreach (var (text, call) in obeyed)
        {
            var state = await Eventually.Get(async () => (await gateway.Read(call)).State, state => state is Invocation.Waiting { Asked: not null } or Invocation.Ended, "what became of it");
            Assert.True(state is Invocation.Waiting or Invocation.Ended { Outcome.Status: ToolOutcomeStatus.Denied }, $"{text.Kind}: '{text.Text}' made {text.Tool} run: {state}");
        }

        Assert.Equal((corpus.Count, 0, 0, 0, 0), (read.Runs, send.Runs, fetch.Runs, shell.Runs, delete.Runs));
    }

    [Fact]
    public async Task Without_a_text_from_outside_most_of_these_calls_would_just_run()
    {
        var corpus = Corpus();
        var (send, fetch) = (new MailTool("send", corpus), new MailTool("fetch", corpus));
        var (shell, delete) = (new MailTool("run", corpus, "shell", openWorld: false), new MailTool("delete", corpus, "files", openWorld: false, destructive: true));
        await using var gateway = await GatewayHost.Start(servers, send, fetch, shell, delete);
        await gateway.Policy.Set(Policy, "test", expected: null, Ct);

        var states = new List<Invocation>();
        foreach (var text in corpus)
        {
            var call = await Called(gateway, text.Tool, text.Arguments, WorkspaceId.New());
            states.Add(await Eventually.Get(async () => (await gateway.Read(call)).State, state => state is Invocation.Waiting { Asked: not null } or Invocation.Ended, "what became of it"));
        }

        Assert.True(corpus.Count >= 30);
        Assert.Equal(corpus.Count(c => c.Tool != "files.delete"), states.Count(state => state is Invocation.Ended { Outcome.Status: ToolOutcomeStatus.Completed }));
        Assert.Equal(corpus.Count(c => c.Tool == "files.delete"), states.Count(state => state is Invocation.Waiting { Verdict.Rule: "deletions" }));
    }

    [Fact]
    public async Task Naming_another_workspace_is_no_way_round_what_an_agent_or_a_task_has_read()
    {
        var corpus = Corpus();
        var (read, shell) = (new MailTool("read", corpus), new MailTool("run", corpus, "shell", openWorld: false));
        await using var gateway = await GatewayHost.Start(servers, read, shell);
        await gateway.Policy.Set(Policy, "test", expected: null, Ct);
        var agent = Story.Call with { Run = null, Task = null, Role = "agent", Principal = "a-token" };
        foreach (var who in (InvokeTool[])[agent, Story.Call])
        {
            await gateway.Ended(await Called(gateway, "outside.read", new { number = 0 }, WorkspaceId.New(), who));

            var call = await Called(gateway, "shell.run", new { }, WorkspaceId.New(), who);

            var state = await Eventually.Get(async () => (await gateway.Read(call)).State, state => state is Invocation.Waiting { Asked: not null } or Invocation.Ended, "what became of it");
            Assert.Equal("tainted-shell", Assert.IsType<Invocation.Waiting>(state).Verdict?.Rule);
        }

        foreach (var other in (InvokeTool[])[agent with { Principal = "another-token" }, Story.Call with { Task = "another" }, agent with { Role = "owner" }])
        {
            Assert.Equal(ToolOutcomeStatus.Completed, (await gateway.Ended(await Called(gateway, "shell.run", new { }, WorkspaceId.New(), other))).Outcome.Status);
        }

        Assert.Equal((2, 3), (read.Runs, shell.Runs));
    }

    // By default each workspace has a run of its own, as it has in life.
    private static async Task<InvocationId> Called(GatewayHost gateway, string tool, object arguments, WorkspaceId workspace, InvokeTool? who = null)
    {
        var call = (who ?? Story.Call with { Run = new RunId(workspace.Value) }) with { Invocation = InvocationId.New(), Tool = tool, Workspace = workspace, Arguments = JsonSerializer.SerializeToElement(arguments, Web) };
        await gateway.Send(call);
        return call.Invocation;
    }

    private static List<Injected> Corpus() =>
        YamlToJson.Read(File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "Injection", "corpus.yaml")), "corpus").Deserialize<List<Injected>>(Web)!;
}
