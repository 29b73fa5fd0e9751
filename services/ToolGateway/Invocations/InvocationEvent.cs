using System.Text.Json;
using AgentPlatform.Contracts;
using AgentPlatform.EventStore;

namespace AgentPlatform.ToolGateway.Invocations;

/// <summary>The effect ledger of one tool call: intended before it is tried, settled after.</summary>
public abstract record InvocationEvent
{
    private InvocationEvent()
    {
    }

    /// <summary>Somebody wants a tool to run.</summary>
    [StoredAs("invocation-requested.1")]
    public sealed record Requested(InvokeTool Call, string ToolId, string CallHash, DateTimeOffset At) : InvocationEvent;

    /// <summary>Policy spoke: which version of it, and whether content from outside had come into the workspace before.</summary>
    [StoredAs("invocation-decided.1")]
    public sealed record Decided(VerdictView Verdict, DateTimeOffset At, long Policy = 0, bool Tainted = false) : InvocationEvent;

    /// <summary>A human is asked; the request carries the invocation's own id.</summary>
    [StoredAs("invocation-approval-asked.1")]
    public sealed record ApprovalAsked(RequestId Request, string CallHash, DateTimeOffset At) : InvocationEvent;

    /// <summary>A human changed the arguments before saying yes; the yes is for the new hash.</summary>
    [StoredAs("invocation-edited.1")]
    public sealed record Edited(string By, JsonElement Arguments, string CallHash, DateTimeOffset At) : InvocationEvent;

    /// <summary>A human said yes to exactly this call.</summary>
    [StoredAs("invocation-approved.1")]
    public sealed record Approved(string By, string CallHash, DateTimeOffset At) : InvocationEvent;

    /// <summary>The tool is about to run; from here on its effect may exist.</summary>
    [StoredAs("invocation-started.1")]
    public sealed record Started(int Attempt, DateTimeOffset At) : InvocationEvent;

    /// <summary>Nobody waits for it any more.</summary>
    [StoredAs("invocation-cancel-asked.1")]
    public sealed record CancelAsked(string Reason, DateTimeOffset At) : InvocationEvent;

    /// <summary>The end; there is exactly one.</summary>
    [StoredAs("invocation-settled.1")]
    public sealed record Settled(int Attempt, ToolOutcome Outcome, DateTimeOffset At) : InvocationEvent;
}
