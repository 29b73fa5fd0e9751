using System.Text.Json;
using AgentPlatform.Contracts;
using AgentPlatform.EventStore;
using AgentPlatform.Messaging;
using AgentPlatform.ToolGateway.Grants;
using AgentPlatform.ToolGateway.Mcp;
using AgentPlatform.ToolGateway.Policy;
using AgentPlatform.ToolGateway.Registry;

namespace AgentPlatform.ToolGateway.Invocations;

/// <summary>Runs a call that was allowed. Sent to ourselves, so that a crash before, during or after the tool finds the call in the store and goes on.</summary>
[Command(ServiceNames.ToolGateway, "run-invocation")]
public sealed record RunInvocation(InvocationId Invocation) : ICommand;

/// <summary>What a call is judged by.</summary>
/// <param name="Engine">The rules.</param>
/// <param name="Version">Which version of the policy they are.</param>
/// <param name="Tainted">Whether content from outside came into the workspace, or before the agent.</param>
/// <param name="Granted">A grant that is good for the call, where policy alone does not allow it.</param>
public sealed record Judge(PolicyEngine Engine, long Version, bool Tainted, GrantView? Granted = null);

/// <summary>Takes a call in: record it, ask policy, and go on, ask a human, or refuse.</summary>
/// <param name="registry">The tools.</param>
/// <param name="mcp">Keeps the registry up to date about MCP servers.</param>
/// <param name="book">The policy in force.</param>
/// <param name="taints">What came into the workspaces, and before the agents.</param>
/// <param name="writer">Stores what was decided.</param>
/// <param name="grants">Leave that was given.</param>
/// <param name="here">Places in which a call that is allowed runs at once.</param>
internal sealed class RequestInvocation(ToolRegistry registry, McpTools mcp, PolicyBook book, TaintBook taints, DecisionWriter writer, GrantBook grants, CallsHere here)
{
    /// <summary>A call as it was stored, and its run where it has begun in this process.</summary>
    public sealed record Taken(Invocation State, Task<Invocation?>? Run);

    public Task Handle(InvokeTool message, MessageContext context, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(context);
        return Take(message, context.Now, context.Follow, context.Complete, _ => { }, ct);
    }

    /// <summary>Judges a call by what holds now and stores what came of it.</summary>
    /// <param name="call">The call.</param>
    /// <param name="now">The clock.</param>
    /// <param name="follow">Sets correlation and causation, also of the call's end.</param>
    /// <param name="complete">Marks the inbox.</param>
    /// <param name="check">Refuses by throwing, before anything is decided.</param>
    /// <param name="ct">Cancels; a call that has begun goes on.</param>
    public async Task<Taken> Take(InvokeTool call, DateTimeOffset now, Action<IPostgresSession> follow, Action<IPostgresSession> complete, Action<Invocation> check, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(call);
        await mcp.Ready(call.Tool, ct);
        var (current, tainted) = (book.Current(ct), taints.Of(call, now, ct));
        var (policy, taint) = (await current, await tainted);
        var judge = new Judge(policy.Engine, policy.Number, taint.Any);
        var place = here.Reserve(call.Invocation);
        var begun = false;
        try
        {
            var (state, _) = await writer.Write(
                Invocation.Kind,
                call.Invocation.ToString(),
                async (session, known, stop) =>
                {
                    check(known);
                    var (facts, outgoing) = Decide(registry, judge with { Granted = await Granted(session, judge, call, known, now, stop) }, call, known, now);
                    begun = place is not null && outgoing is [RunInvocation];
                    return begun ? Begin((IPostgresSession)session, facts, place!.Gateway, call, taint, now) : (facts, outgoing);
                },
                session =>
                {
                    follow(session);
                    complete(session);
                },

                // Who leaves in mid-commit must not leave a call behind that is started and does not run.
                place is null ? ct : CancellationToken.None);
            var run = begun && state is Invocation.Running started ? place!.Run(started, follow) : null;
            place = run is null ? place : null;
            return new Taken(state, run);
        }
        finally
        {
            place?.Dispose();
        }
    }

    // Intended, allowed and started in one commit, before the effect; what it would cost to run it by way of a message to ourselves is saved.
    private (InvocationEvent[] Facts, object[] Outgoing) Begin(IPostgresSession session, InvocationEvent[] facts, Guid gateway, InvokeTool call, TaintOf taint, DateTimeOffset now)
    {
        CallsAtWork.Begins(session, call.Invocation, gateway);
        foreach (var (stream, cameIn) in registry.Find(call.Tool) is { } tool ? taint.Comes(tool.Spec, call, now) : [])
        {
            session.Append(stream, ExpectedVersion.Any, cameIn);
        }

        return ([.. facts, new InvocationEvent.Started(1, now)], []);
    }

    // Looked for only where it changes something; what a rule denies is denied.
    private async Task<GrantView?> Granted(IEventSession session, Judge judge, InvokeTool call, Invocation known, DateTimeOffset now, CancellationToken ct)
    {
        if (known is not Invocation.NotRequested || registry.Find(call.Tool) is not { Withheld: null } tool || registry.Misfit(call.Tool, call.Arguments) is not null)
        {
            return null;
        }

        var about = PolicyCall.Of(tool.Spec, call.Arguments, call.Role, call.Principal, judge.Tainted, now);
        return judge.Engine.Decide(about) is { Verdict: Verdict.Ask } or { Rule: PolicyEngine.Default } ? await grants.Use(session, about, call, now, ct) : null;
    }

    internal static (InvocationEvent[] Facts, object[] Outgoing) Decide(ToolRegistry registry, Judge judge, InvokeTool call, Invocation invocation, DateTimeOffset now)
    {
        if (invocation is Invocation.Ended told)
        {
            // The caller may have lost the answer; it gets the same one again.
            return ([], [Answer(call, told.Outcome)]);
        }

        if (invocation is not Invocation.NotRequested)
        {
            return ([], []);
        }

        if (registry.Find(call.Tool) is not { } tool)
        {
            return Refuse(call, call.Tool, now, new ToolError("not_found", $"The tool '{call.Tool}' is not registered; GET /v1/tools lists what is", Retryable: false));
        }

        if (tool.Withheld is { } why)
        {
            return Refuse(call, tool.Spec.Id, now, new ToolError("quarantined", why, Retryable: false));
        }

        if (registry.Misfit(call.Tool, call.Arguments) is { } misfit)
        {
            return Refuse(call, tool.Spec.Id, now, new ToolError("invalid_arguments", $"The arguments do not fit the schema of {tool.Spec.Id}: {misfit}", Retryable: false));
        }

        var hash = CallHash.Of(tool.Spec.Id, call);
        var requested = new InvocationEvent.Requested(call, tool.Spec.Id, hash, now);
        var about = PolicyCall.Of(tool.Spec, call.Arguments, call.Role, call.Principal, judge.Tainted, now);
        var verdict = judge.Granted is { } grant ? new VerdictView(Verdict.Allow, $"grant {grant.Id}", grant.Because) : judge.Engine.Decide(about);
        var decided = new InvocationEvent.Decided(verdict, now, judge.Version, judge.Tainted);
        switch (verdict.Verdict)
        {
            case Verdict.Allow:
                return ([requested, decided], [new RunInvocation(call.Invocation)]);
            case Verdict.Ask:
                // The request carries the invocation's id, so that the answer finds its way back without a table in between.
                var (request, terms) = (new RequestId(call.Invocation.Value), judge.Engine.Terms(about));
                return (
                    [requested, decided, new InvocationEvent.ApprovalAsked(request, hash, now)],
                    [
                        new RequestDecision(
                            request, RequestKind.Approval, $"{call.Role} wants to call {tool.Spec.FullName}", Detail(call, verdict), hash, call.Run, call.Task, call.Principal,
                            terms.ExpiresSeconds is { } end ? now.AddSeconds(end) : null, terms.Approvals, terms.EscalatesSeconds is { } owner ? now.AddSeconds(owner) : null),
                        new ToolCallHeld(call.Invocation, call.Run, call.Task, call.Attempt, request, verdict.Reason),
                    ]);
            default:
                var outcome = Failure(ToolOutcomeStatus.Denied, new ToolError("denied", $"Policy says no ({verdict.Rule}): {verdict.Reason}", Retryable: false));
                return ([requested, decided, new InvocationEvent.Settled(0, outcome, now)], [Answer(call, outcome)]);
        }
    }

    internal static ToolCallSettled Answer(InvokeTool call, ToolOutcome outcome) => new(call.Invocation, call.Run, call.Task, call.Attempt, outcome);

    internal static ToolOutcome Failure(ToolOutcomeStatus status, ToolError error) => new(status, JsonSerializer.SerializeToElement(new { }), [], error, 0);

    private static (InvocationEvent[] Facts, object[] Outgoing) Refuse(InvokeTool call, string toolId, DateTimeOffset now, ToolError error)
    {
        var outcome = Failure(ToolOutcomeStatus.Failed, error);
        return ([new InvocationEvent.Requested(call, toolId, CallHash.Of(toolId, call), now), new InvocationEvent.Settled(0, outcome, now)], [Answer(call, outcome)]);
    }

    private static string Detail(InvokeTool call, VerdictView verdict)
    {
        const int shown = 4_000;
        var arguments = call.Arguments.GetRawText();
        return $"{verdict.Reason}.\n\n```json\n{(arguments.Length <= shown ? arguments : $"{arguments[..shown]}…")}\n```";
    }
}
