using AgentPlatform.Contracts;
using AgentPlatform.EventStore;
using AgentPlatform.Messaging;
using AgentPlatform.ServiceDefaults;

namespace AgentPlatform.ToolGateway.Invocations;

/// <summary>A call by somebody who waits for its end: taken in, then watched until it settles, is held for a human, or the patience is over.</summary>
internal sealed class CallTool(RequestInvocation intake, IEventStore store, DecisionWriter writer, RunningCalls running, TimeProvider time)
{
    // Long enough for most tools; a caller that wants to know later asks for the invocation.
    private static readonly TimeSpan WaitMax = TimeSpan.FromSeconds(30);

    /// <exception cref="ProblemException">The id belongs to another call.</exception>
    public async Task<InvocationView> Run(InvokeTool call, CancellationToken ct)
    {
        var taken = await intake.Take(
            call,
            time.GetUtcNow(),
            session => session.CorrelationId = call.Invocation.ToString(),
            static _ => { },
            known =>
            {
                if (known is Invocation.Known { Request: var before } && CallHash.Of(before.ToolId, call) != before.CallHash)
                {
                    throw new ProblemException(409, "invocation-differs", $"The invocation {call.Invocation} exists with another tool, workspace or other arguments; use a new id");
                }
            },
            ct);
        try
        {
            var state = taken.Run is { } run ? await run.WaitAsync(WaitMax, time, ct) : taken.State;
            return state is Invocation.Ended or Invocation.Waiting { Asked: not null } ? Invocation.View(call.Invocation, (Invocation.Known)state) : await Wait(call.Invocation, ct);
        }
        catch (TimeoutException)
        {
            return await Get(call.Invocation, ct);
        }
    }

    /// <summary>A call as it is now.</summary>
    /// <exception cref="ProblemException">There is none.</exception>
    public async Task<InvocationView> Get(InvocationId id, CancellationToken ct) => Invocation.View(id, await Known(id, ct));

    /// <summary>The record of a call.</summary>
    /// <exception cref="ProblemException">There is none.</exception>
    public async Task<Invocation.Known> Known(InvocationId id, CancellationToken ct) =>
        (await store.Aggregate(Invocation.Kind, id.ToString(), ct)).State as Invocation.Known ?? throw ProblemException.NotFound("invocation", id);

    /// <summary>Stops a call that nobody waits for any more.</summary>
    public async Task Cancel(InvocationId id, string reason, CancellationToken ct)
    {
        await writer.Write(Invocation.Kind, id.ToString(), known => StopInvocation.Decide(new CancelInvocation(id, reason), known, time.GetUtcNow()), static _ => { }, ct);
        running.Cancel(id);
    }

    /// <summary>Watches a call.</summary>
    public async Task<InvocationView> Wait(InvocationId id, CancellationToken ct)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(ct);
        deadline.CancelAfter(WaitMax);
        while (true)
        {
            var next = store.Signal.Next;
            var view = await Get(id, ct);
            if (view.State is InvocationState.Settled or InvocationState.WaitingApproval)
            {
                return view;
            }

            try
            {
                await store.Signal.Wait(next, deadline.Token);
            }
            catch (OperationCanceledException) when (!ct.IsCancellationRequested)
            {
                return view;
            }
        }
    }
}
