using System.Collections.Concurrent;
using System.Text.Json;
using AgentPlatform.Contracts;
using AgentPlatform.Testing;
using AgentPlatform.ToolGateway.Invocations;
using static AgentPlatform.ToolGateway.Tests.Invocations.Story;

namespace AgentPlatform.ToolGateway.Tests.Invocations;

/// <summary>Promise 1, for tools: nothing is lost, and nothing happens twice that may not.</summary>
public sealed class ExecuteTests(Servers servers) : IClassFixture<Servers>
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_call_that_is_sent_twice_runs_once_and_tells_its_outcome()
    {
        var tool = new ProbeTool();
        await using var gateway = await GatewayHost.Start(servers, tool);
        var call = New();
        var told = new ConcurrentQueue<ToolCallSettled>();
        using var listening = gateway.Nats.Subscribe($"events.toolgateway.toolcall.settled.{call.Invocation}", (_, _, bytes) =>
            told.Enqueue(JsonSerializer.Deserialize<CloudEvent>(bytes, ContractJson.Options)!.Data.Deserialize<ToolCallSettled>(ContractJson.Options)!));

        await gateway.Send(call, call);
        var ended = await gateway.Ended(call.Invocation);

        Assert.Equal((ToolOutcomeStatus.Completed, 1, 1), (ended.Outcome.Status, ended.Outcome.Content.GetProperty("run").GetInt32(), ended.Attempts));
        await Eventually.True(() => Task.FromResult(!told.IsEmpty), "the news of the outcome");
        Assert.All(told, t => Assert.Equal((call.Run, "write", 1, ToolOutcomeStatus.Completed), (t.Run, t.Task, t.Attempt, t.Outcome.Status)));
        Assert.Equal(1, tool.Runs);
    }

    [Fact]
    public async Task A_message_that_is_delivered_again_after_the_end_does_nothing()
    {
        var tool = new ProbeTool();
        await using var gateway = await GatewayHost.Start(servers, tool);
        var call = New();
        await gateway.Send(call);
        await gateway.Ended(call.Invocation);
        var before = (await gateway.Read(call.Invocation)).Version;

        await gateway.Execute.Handle(new RunInvocation(call.Invocation), Context, Ct);

        Assert.Equal((1, before), (tool.Runs, (await gateway.Read(call.Invocation)).Version));
    }

    [Fact]
    public async Task An_interrupted_call_that_may_be_repeated_is_run_again()
    {
        var tool = new ProbeTool(idempotent: true);
        await using var gateway = await GatewayHost.Start(servers, tool);
        var call = New();

        await gateway.Write(call.Invocation, Interrupted(call), new RunInvocation(call.Invocation));
        var ended = await gateway.Ended(call.Invocation);

        Assert.Equal((ToolOutcomeStatus.Completed, 2, 1), (ended.Outcome.Status, ended.Attempts, tool.Runs));
    }

    [Fact]
    public async Task An_interrupted_call_that_its_author_calls_harmless_is_run_again()
    {
        var tool = new ProbeTool();
        await using var gateway = await GatewayHost.Start(servers, tool);
        var call = New() with { Idempotent = true };

        await gateway.Write(call.Invocation, Interrupted(call), new RunInvocation(call.Invocation));

        Assert.Equal(ToolOutcomeStatus.Completed, (await gateway.Ended(call.Invocation)).Outcome.Status);
    }

    [Fact]
    public async Task An_interrupted_call_with_an_effect_is_never_repeated_blindly()
    {
        var tool = new ProbeTool();
        await using var gateway = await GatewayHost.Start(servers, tool);
        var call = New();

        await gateway.Write(call.Invocation, Interrupted(call), new RunInvocation(call.Invocation));
        var ended = await gateway.Ended(call.Invocation);

        Assert.Equal((ToolOutcomeStatus.NeedsReconcile, "unknown_outcome", 0), (ended.Outcome.Status, ended.Outcome.Error?.Class, tool.Runs));
    }

    [Fact]
    public async Task An_interrupted_call_that_was_cancelled_ends_as_cancelled_and_is_not_repeated()
    {
        var tool = new ProbeTool(idempotent: true);
        await using var gateway = await GatewayHost.Start(servers, tool);
        var call = New();

        await gateway.Write(call.Invocation, [.. Interrupted(call), new InvocationEvent.CancelAsked("the run was stopped", Noon)], new RunInvocation(call.Invocation));
        var ended = await gateway.Ended(call.Invocation);

        Assert.Equal((ToolOutcomeStatus.Cancelled, "the run was stopped", 0), (ended.Outcome.Status, ended.Outcome.Error?.Message, tool.Runs));
    }

    [Fact]
    public async Task A_call_is_stopped_while_its_tool_runs()
    {
        var tool = new ProbeTool { Goes = new TaskCompletionSource() };
        await using var gateway = await GatewayHost.Start(servers, tool);
        var call = New();
        await gateway.Send(call);
        await tool.Begun.Task.WaitAsync(TimeSpan.FromSeconds(30), Ct);

        await gateway.Send(new CancelInvocation(call.Invocation, "the run was stopped"));

        Assert.Equal(ToolOutcomeStatus.Cancelled, (await gateway.Ended(call.Invocation)).Outcome.Status);
    }

    [Fact]
    public async Task A_message_that_is_delivered_again_while_the_tool_runs_waits_and_does_not_start_another()
    {
        var tool = new ProbeTool { Goes = new TaskCompletionSource() };
        await using var gateway = await GatewayHost.Start(servers, tool);
        var call = New();
        await gateway.Send(call);
        await tool.Begun.Task.WaitAsync(TimeSpan.FromSeconds(30), Ct);

        var again = gateway.Execute.Handle(new RunInvocation(call.Invocation), Context, Ct);
        Assert.False(again.IsCompleted);
        tool.Goes.SetResult();
        await again.WaitAsync(TimeSpan.FromSeconds(30), Ct);

        await gateway.Ended(call.Invocation);
        Assert.Equal(1, tool.Runs);
    }

    [Fact]
    public async Task A_late_result_of_an_attempt_that_was_taken_over_is_refused()
    {
        var tool = new ProbeTool { Goes = new TaskCompletionSource() };
        await using var gateway = await GatewayHost.Start(servers, tool);
        var call = New();
        var allowed = Facts(call);
        await gateway.Write(call.Invocation, allowed);
        var first = gateway.Execute.Handle(new RunInvocation(call.Invocation), Own(), Ct);
        await tool.Begun.Task.WaitAsync(TimeSpan.FromSeconds(30), Ct);

        // Another process believes the first one dead, and starts the tool itself.
        await gateway.Write(call.Invocation, [new InvocationEvent.Started(2, Noon)]);
        tool.Goes.SetResult();
        await first;

        Assert.Equal(2, Assert.IsType<Invocation.Running>((await gateway.Read(call.Invocation)).State).Attempts);
    }

    private static InvokeTool New() => Call with { Invocation = InvocationId.New(), Workspace = WorkspaceId.New() };

    private static InvocationEvent[] Facts(InvokeTool call) => Intake(Verdict.Allow).Decide(call, new Invocation.NotRequested(), Noon).Facts;

    private static InvocationEvent[] Interrupted(InvokeTool call) => [.. Facts(call), new InvocationEvent.Started(1, Noon)];

    private static Messaging.MessageContext Own() => Context with { Envelope = Context.Envelope with { Id = Guid.CreateVersion7().ToString() } };
}
