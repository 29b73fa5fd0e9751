using AgentPlatform.Contracts;
using AgentPlatform.EventStore;

namespace AgentPlatform.ToolGateway.Invocations;

/// <summary>One tool call.</summary>
public abstract record Invocation
{
    private Invocation()
    {
    }

    /// <summary>The kind of stream.</summary>
    public static StreamKind<Invocation, InvocationEvent> Kind { get; } = new("invocation", new NotRequested(), Evolve);

    /// <summary>Nobody asked for it.</summary>
    public sealed record NotRequested : Invocation;

    /// <summary>A call that exists.</summary>
    public abstract record Known(InvocationEvent.Requested Request, VerdictView? Verdict, int Attempts) : Invocation;

    /// <summary>Waits for policy or for a human.</summary>
    public sealed record Waiting(InvocationEvent.Requested Request, VerdictView? Verdict, RequestId? Asked, bool IsTainted = false) : Known(Request, Verdict, 0);

    /// <summary>May run, and has not been started.</summary>
    public sealed record Allowed(InvocationEvent.Requested Request, VerdictView? Verdict) : Known(Request, Verdict, 0);

    /// <summary>Was started; whether its effect exists is not known until it settles.</summary>
    public sealed record Running(InvocationEvent.Requested Request, VerdictView? Verdict, int Attempts, string? CancelReason) : Known(Request, Verdict, Attempts);

    /// <summary>Ended.</summary>
    public sealed record Ended(InvocationEvent.Requested Request, VerdictView? Verdict, int Attempts, ToolOutcome Outcome, DateTimeOffset At) : Known(Request, Verdict, Attempts);

    public static Invocation Evolve(Invocation invocation, InvocationEvent fact) => (invocation, fact) switch
    {
        (NotRequested, InvocationEvent.Requested f) => new Waiting(f, null, null),
        (Waiting w, InvocationEvent.Decided { Verdict.Verdict: Verdict.Allow } f) => new Allowed(w.Request, f.Verdict),
        (Waiting w, InvocationEvent.Decided f) => w with { Verdict = f.Verdict, IsTainted = f.Tainted },
        (Waiting w, InvocationEvent.ApprovalAsked f) => w with { Asked = f.Request },
        (Waiting w, InvocationEvent.Edited f) => w with { Request = w.Request with { Call = w.Request.Call with { Arguments = f.Arguments } } },
        (Waiting w, InvocationEvent.Approved) => new Allowed(w.Request, w.Verdict),
        (Allowed a, InvocationEvent.Started f) => new Running(a.Request, a.Verdict, f.Attempt, null),
        (Running r, InvocationEvent.Started f) => r with { Attempts = f.Attempt },
        (Running r, InvocationEvent.CancelAsked f) => r with { CancelReason = f.Reason },
        (Known k and not Ended, InvocationEvent.Settled f) => new Ended(k.Request, k.Verdict, k.Attempts, f.Outcome, f.At),
        _ => invocation,
    };

    /// <summary>The call as callers see it.</summary>
    public static InvocationView View(InvocationId id, Known known)
    {
        ArgumentNullException.ThrowIfNull(known);
        return new(
            id,
            known.Request.ToolId,
            known switch
            {
                Waiting { Asked: not null } => InvocationState.WaitingApproval,
                Waiting => InvocationState.Requested,
                Allowed => InvocationState.Allowed,
                Running => InvocationState.Running,
                _ => InvocationState.Settled,
            },
            known.Verdict,
            known.Attempts,
            known.Request.Call.Run,
            known.Request.Call.Task,
            known.Request.At,
            (known as Ended)?.At,
            (known as Ended)?.Outcome);
    }
}
