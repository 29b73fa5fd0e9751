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
    public async Task A_message_that_meets_one_who_leaves_the_call_without_an_end_is_not_lost()
    {
        await using var gateway = await GatewayHost.Start(servers, new ProbeTool());
        var call = New();
        await gateway.Write(call.Invocation, Interrupted(call));

        // As an intake does while it finds out that the call was taken in before.
        Assert.True(gateway.Running.TryEnter(call.Invocation, Ct, out _));
        var handled = gateway.Execute.Handle(new RunInvocation(call.Invocation), Context, Ct);
        Assert.False(handled.IsCompleted);
        gateway.Running.Leave(call.Invocation);
        await handled;

        Assert.Equal(ToolOutcomeStatus.NeedsReconcile, Assert.IsType<Invocation.Ended>((await gateway.Read(call.Invocation)).State).Outcome.Status);
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

    [Fact]
    public async Task A_call_that_is_allowed_runs_where_it_came_in_with_two_commits_and_no_message_to_itself()
    {
        await using var gateway = await GatewayHost.Start(servers, new ProbeTool());
        var call = New();
        await gateway.Send(call);
        var ended = await gateway.Ended(call.Invocation);

        Assert.Equal((ToolOutcomeStatus.Completed, 4), (ended.Outcome.Status, (await gateway.Read(call.Invocation)).Version));
        Assert.Equal(2, await gateway.Count($"select count(distinct xmin::text) from mt_events where stream_id = 'invocation-{call.Invocation}'"));
        Assert.Equal(0, await gateway.Count("select (select count(*) from ap_sent where subject like '%run-invocation%') + (select count(*) from ap_outbox where subject like '%run-invocation%') + (select count(*) from ap_tool_calls_at_work)"));
    }

    [Fact]
    public async Task More_calls_at_once_than_there_are_places_wait_as_messages_and_run_too()
    {
        const int calls = 72;
        var tool = new ProbeTool { Goes = new TaskCompletionSource() };
        await using var gateway = await GatewayHost.Start(servers, tool);
        var asked = Enumerable.Range(0, calls).Select(_ => New()).ToArray();

        await gateway.Send(asked);
        await Eventually.True(() => Task.FromResult(tool.Runs == calls), "all calls at work");
        Assert.InRange(await gateway.Count("select count(*) from ap_tool_calls_at_work"), 1, 64);
        tool.Goes.SetResult();

        foreach (var call in asked)
        {
            Assert.Equal(ToolOutcomeStatus.Completed, (await gateway.Ended(call.Invocation)).Outcome.Status);
        }

        Assert.Equal((calls, 0L), (tool.Runs, await gateway.Count("select count(*) from ap_tool_calls_at_work")));
    }

    [Fact]
    public async Task What_a_gateway_left_behind_is_taken_up_by_another_and_what_one_that_lives_does_is_left_to_it()
    {
        var tool = new ProbeTool(idempotent: true);
        await using var gateway = await GatewayHost.Start(servers, tool);
        var (other, call) = (Guid.CreateVersion7(), New());
        await using (await gateway.Living(other))
        {
            await gateway.Begun(call.Invocation, Interrupted(call), other);

            // Found twice in a row each, one after the other: by then what the other one runs was looked at several times.
            foreach (var left in (InvokeTool[])[New(), New()])
            {
                await gateway.Begun(left.Invocation, Interrupted(left), Guid.CreateVersion7());
                Assert.Equal((ToolOutcomeStatus.Completed, 2), (await gateway.Ended(left.Invocation) is var end ? (end.Outcome.Status, end.Attempts) : default));
            }

            Assert.Equal(1, Assert.IsType<Invocation.Running>((await gateway.Read(call.Invocation)).State).Attempts);
        }

        Assert.Equal(2, (await gateway.Ended(call.Invocation)).Attempts);
        Assert.Equal(3, tool.Runs);
    }

    private static InvokeTool New() => Call with { Invocation = InvocationId.New(), Workspace = WorkspaceId.New() };

    private static InvocationEvent[] Facts(InvokeTool call) => Intake(Verdict.Allow).Decide(call, new Invocation.NotRequested(), Noon).Facts;

    private static InvocationEvent[] Interrupted(InvokeTool call) => [.. Facts(call), new InvocationEvent.Started(1, Noon)];

    private static Messaging.MessageContext Own() => Context with { Envelope = Context.Envelope with { Id = Guid.CreateVersion7().ToString() } };
}
