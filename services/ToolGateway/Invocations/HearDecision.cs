using System.Text.Json;
using AgentPlatform.Contracts;
using AgentPlatform.EventStore;
using AgentPlatform.Messaging;
using AgentPlatform.ToolGateway.Grants;
using AgentPlatform.ToolGateway.Mcp;
using AgentPlatform.ToolGateway.Mcp.Authorization;
using AgentPlatform.ToolGateway.Policy;
using AgentPlatform.ToolGateway.Registry;

namespace AgentPlatform.ToolGateway.Invocations;

/// <summary>A human decided about a call that policy asks about: it goes on, goes on with other arguments, or ends.</summary>
/// <param name="registry">The tools: edited arguments must fit.</param>
/// <param name="mcp">Keeps the registry up to date about MCP servers.</param>
/// <param name="book">The policy: what it denies nobody can approve.</param>
/// <param name="store">The call.</param>
/// <param name="writer">Stores what was decided.</param>
/// <param name="logins">Requests that are about no call.</param>
internal sealed class HearDecision(ToolRegistry registry, McpTools mcp, PolicyBook book, IEventStore store, DecisionWriter writer, McpLogins logins)
{
    public async Task Handle(RequestDecided message, MessageContext context, CancellationToken ct)
    {
        ArgumentNullException.ThrowIfNull(message);
        ArgumentNullException.ThrowIfNull(context);
        logins.Hear(message);
        if (message.Decision == Decision.Approve && (await store.Aggregate(Invocation.Kind, message.Request.ToString(), ct)).State is Invocation.Known { Request.ToolId: var tool })
        {
            await mcp.Ready(tool, ct);
        }

        var policy = await book.Current(ct);
        await writer.Write(
            Invocation.Kind,
            message.Request.ToString(),
            async (session, known, stop) =>
            {
                var (facts, outgoing, grant) = Decide(registry, policy.Engine, message, known, context.Now);
                if (grant is not null && await session.FetchForWriting(Grant.Kind, grant.Id.ToString(), stop) is { State.Known: null } stream)
                {
                    stream.Append(grant);
                }

                return (facts, outgoing);
            },
            context.Complete,
            ct);
    }

    internal static (InvocationEvent[] Facts, object[] Outgoing, GrantEvent.Given? Grant) Decide(
        ToolRegistry registry, PolicyEngine policy, RequestDecided message, Invocation invocation, DateTimeOffset now)
    {
        // The request has the invocation's id.
        if (invocation is not Invocation.Waiting { Asked: { } asked } waiting || asked != message.Request)
        {
            return ([], [], null);
        }

        var call = waiting.Request.Call;
        if (message.Decision != Decision.Approve || message.CallHash != waiting.Request.CallHash)
        {
            return Refuse(message.Decision switch
            {
                Decision.Deny => $"{message.DecidedBy} said no{(message.Comment is { Length: > 0 } comment ? $": {comment}" : string.Empty)}",
                Decision.Expired => "Nobody approved it in time",
                _ => "The approval was for another call",
            });
        }

        var edited = message.Arguments is { } arguments ? call with { Arguments = arguments } : null;
        var tool = registry.Find(waiting.Request.ToolId);
        if (edited is not null && (tool is null || registry.Misfit(waiting.Request.ToolId, edited.Arguments) is not null))
        {
            return Refuse($"{message.DecidedBy} approved it with arguments that do not fit the schema of {waiting.Request.ToolId}");
        }

        // Asked about or not, the human has seen the call; but no human can approve what a rule denies, were it set only since.
        if (tool is not null
            && policy.Decide(PolicyCall.Of(tool.Spec, (edited ?? call).Arguments, call.Role, call.Principal, waiting.IsTainted, now)) is { Verdict: Verdict.Deny } verdict
            && verdict.Rule != PolicyEngine.Default)
        {
            return Refuse($"{message.DecidedBy} approved it{(edited is null ? ", but" : " with arguments that")} policy denies{(edited is null ? " it by now" : string.Empty)} ({verdict.Rule}): {verdict.Reason}");
        }

        var hash = edited is null ? message.CallHash : CallHash.Of(waiting.Request.ToolId, edited);
        InvocationEvent[] edit = edited is null ? [] : [new InvocationEvent.Edited(message.DecidedBy, edited.Arguments, hash, now)];
        return ([.. edit, new InvocationEvent.Approved(message.DecidedBy, hash, now)], [new RunInvocation(call.Invocation)], GrantFrom(message, waiting.Request, tool?.Spec.HostsOf((edited ?? call).Arguments) ?? [], now));

        (InvocationEvent[], object[], GrantEvent.Given?) Refuse(string reason)
        {
            var outcome = RequestInvocation.Failure(ToolOutcomeStatus.Denied, new ToolError("denied", reason, Retryable: false));
            return ([new InvocationEvent.Settled(0, outcome, now)], [RequestInvocation.Answer(call, outcome)], null);
        }
    }

    private static GrantEvent.Given? GrantFrom(RequestDecided message, InvocationEvent.Requested request, IReadOnlyList<string> reached, DateTimeOffset now)
    {
        string[] tools = [request.ToolId.Split('@')[0]];
        var call = request.Call;
        string[]? hosts = reached.Count == 0 ? null : [.. reached.Select(host => PolicyCall.WithoutPort(host).ToLowerInvariant())];
        GrantScope? scope = message.Remember switch
        {
            RememberFor.Task when call is { Run: not null, Task: not null } => new GrantScope(tools, Run: call.Run, Task: call.Task, Hosts: hosts),
            RememberFor.Run when call.Run is not null => new GrantScope(tools, Run: call.Run, Hosts: hosts),
            RememberFor.Always => new GrantScope(tools, Roles: [call.Role], Hosts: hosts),
            _ => null,
        };

        // The same decision told twice is the same grant.
        return scope is null ? null : new GrantEvent.Given(
            new GrantId(DerivedId.Of($"grant of {message.Request}")), scope, $"approved by {message.DecidedBy} with request {message.Request}", message.DecidedBy, now, ExpiresAt: null, UsesMax: null, Parent: null);
    }
}
