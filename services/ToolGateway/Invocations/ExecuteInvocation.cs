using System.Diagnostics;
using System.Text;
using System.Text.Json;
using AgentPlatform.Contracts;
using AgentPlatform.EventStore;
using AgentPlatform.Messaging;
using AgentPlatform.ToolGateway.Mcp;
using AgentPlatform.ToolGateway.Mcp.Callers;
using AgentPlatform.ToolGateway.Mcp.Serving;
using AgentPlatform.ToolGateway.Policy;
using AgentPlatform.ToolGateway.Registry;
using AgentPlatform.ToolGateway.Toolkits;
using AgentPlatform.ToolGateway.Workspaces;

namespace AgentPlatform.ToolGateway.Invocations;

/// <summary>
/// Runs an allowed call: recorded as started, then run, then settled. Whoever finds a call that was started and not settled knows that a process died in
/// between: what may be repeated is run again, anything else is left to a human.
/// </summary>
internal sealed partial class ExecuteInvocation(
    IEventStore store, DecisionWriter writer, TaintBook taints, ToolRegistry registry, McpTools mcp, WorkspaceFolders workspaces, RunningCalls running, NatsLink nats, ServingOptions callers, TimeProvider time,
    ILogger<ExecuteInvocation> log)
{
    /// <summary>Bytes of content that travel in messages; more goes into a file of the workspace.</summary>
    private const int ContentBytesMax = 128 * 1024;

    private static readonly TimeSpan SettleDelay = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan SettleDelayMax = TimeSpan.FromSeconds(2);
    private static readonly ActivitySource Source = new("AgentPlatform.ToolGateway");

    public async Task Handle(RunInvocation message, MessageContext context, CancellationToken ct)
    {
        RunningCalls.Call call;
        while (!running.TryEnter(message.Invocation, ct, out call))
        {
            // Delivered again while it still runs here: wait, so that the message is not acknowledged before its effect is stored. Then look what is left to do: whoever
            // was here may have left without an end, as an intake does whose message was told twice.
            await call.Done.Task.WaitAsync(ct);
        }

        try
        {
            if (await Start(message.Invocation, context, ct) is { } started)
            {
                await Run(started, call, context.Complete, ct);
            }
        }
        finally
        {
            running.Leave(message.Invocation);
        }
    }

    private async Task<Invocation.Running?> Start(InvocationId id, MessageContext context, CancellationToken ct)
    {
        // Written by whoever gets here first; the expected version lets only one of two processes start it.
        var cameIn = await WillComeIn(id, ct);
        var (state, _) = await writer.Write(
            Invocation.Kind,
            id.ToString(),
            known => Begin(known, time.GetUtcNow()),
            session =>
            {
                context.Follow(session);
                foreach (var (stream, fact) in cameIn)
                {
                    session.Append(stream, ExpectedVersion.Any, fact);
                }
            },
            ct);
        return state as Invocation.Running;
    }

    /// <summary>Runs a call that is stored as started, and stores its end.</summary>
    /// <param name="started">The call.</param>
    /// <param name="call">Its place among those that run here.</param>
    /// <param name="complete">Ties the end to what caused the call.</param>
    /// <param name="ct">The process ends; the call stays as it is.</param>
    /// <returns>The call at its end.</returns>
    internal async Task<Invocation> Run(Invocation.Running started, RunningCalls.Call call, Action<IPostgresSession> complete, CancellationToken ct)
    {
        var request = started.Request.Call;
        var begun = time.GetTimestamp();
        ToolOutcome outcome;
        try
        {
            outcome = Bounded(await RunTool(started.Request, call.Stop.Token), request);
        }
        catch (OperationCanceledException) when (call.IsCancelled && !ct.IsCancellationRequested)
        {
            outcome = RequestInvocation.Failure(ToolOutcomeStatus.Cancelled, new ToolError("cancelled", "Stopped, because nobody waits for it any more", Retryable: false));
        }
        catch (Exception e) when (e is not OperationCanceledException && !Transient.Is(e))
        {
            ToolBroke(e, started.Request.ToolId, request.Invocation);
            outcome = RequestInvocation.Failure(ToolOutcomeStatus.Failed, new ToolError("internal", $"The tool has a defect: {e.GetType().Name}: {e.Message}", Retryable: false));
        }

        return await Settle(started, outcome with { DurationMs = time.GetElapsedTime(begun).TotalMilliseconds }, complete, ct);
    }

    private async Task<IReadOnlyList<(string Stream, TaintEvent.CameIn Fact)>> WillComeIn(InvocationId id, CancellationToken ct)
    {
        if ((await store.Aggregate(Invocation.Kind, id.ToString(), ct)).State is not Invocation.Known { Request: var request })
        {
            return [];
        }

        await mcp.Ready(request.ToolId, ct);
        var now = time.GetUtcNow();
        return registry.Find(request.ToolId) is { } tool ? [.. (await taints.Of(request.Call, now, ct)).Comes(tool.Spec, request.Call, now)] : [];
    }

    private async Task<Invocation> Settle(Invocation.Running started, ToolOutcome outcome, Action<IPostgresSession> complete, CancellationToken ct)
    {
        for (var delay = SettleDelay; ; delay = TimeSpan.FromTicks(Math.Min(delay.Ticks * 2, SettleDelayMax.Ticks)))
        {
            try
            {
                var (state, _) = await writer.Write(
                    Invocation.Kind,
                    started.Request.Call.Invocation.ToString(),

                    // The attempt number fences: whoever took over in the meantime has raised it, and this late result is refused.
                    known => known is Invocation.Running now && now.Attempts == started.Attempts
                        ? ([new InvocationEvent.Settled(started.Attempts, outcome, time.GetUtcNow())], [RequestInvocation.Answer(started.Request.Call, outcome)])
                        : ([], []),
                    complete,
                    CancellationToken.None);
                return state;
            }
            catch (Exception e) when (Transient.Is(e) && !ct.IsCancellationRequested)
            {
                // Only this process knows the outcome: giving the message back now would turn it into an unknown one.
                NotSettledYet(e, started.Request.Call.Invocation, delay);
                await Task.Delay(delay, time, ct);
            }
        }
    }

    private (InvocationEvent[] Facts, object[] Outgoing) Begin(Invocation known, DateTimeOffset now)
    {
        switch (known)
        {
            case Invocation.Allowed:
                return ([new InvocationEvent.Started(1, now)], []);
            case Invocation.Running { CancelReason: { } reason } cancelled:
                var stopped = RequestInvocation.Failure(ToolOutcomeStatus.Cancelled, new ToolError("cancelled", reason, Retryable: false));
                return ([new InvocationEvent.Settled(cancelled.Attempts, stopped, now)], [RequestInvocation.Answer(cancelled.Request.Call, stopped)]);
            case Invocation.Running interrupted when MayRepeat(interrupted.Request):
                TriedAgain(interrupted.Request.ToolId, interrupted.Request.Call.Invocation);
                return ([new InvocationEvent.Started(interrupted.Attempts + 1, now)], []);
            case Invocation.Running interrupted:
                var unknown = RequestInvocation.Failure(ToolOutcomeStatus.NeedsReconcile, new ToolError(
                    "unknown_outcome",
                    $"The gateway died while {interrupted.Request.ToolId} ran. Whether its effect happened is unknown; look, and decide whether to run it again",
                    Retryable: false));
                return ([new InvocationEvent.Settled(interrupted.Attempts, unknown, now)], [RequestInvocation.Answer(interrupted.Request.Call, unknown)]);
            default:
                return ([], []);
        }
    }

    private bool MayRepeat(InvocationEvent.Requested request) => request.Call.Idempotent || registry.Find(request.ToolId)?.Spec is { ReadOnly: true } or { Idempotent: true };

    private async Task<ToolOutcome> RunTool(InvocationEvent.Requested request, CancellationToken ct)
    {
        using var span = Source.StartActivity($"execute_tool {request.Call.Tool}");
        span?.SetTag("gen_ai.operation.name", "execute_tool").SetTag("gen_ai.tool.name", request.Call.Tool).SetTag("gen_ai.tool.call.id", request.Call.Invocation.ToString());

        // First, because whoever listens waits for its end.
        using var caller = request.Call.Client is { } client ? new CallerLine(nats, request.Call.Invocation, client, callers) : null;
        if (registry.Find(request.ToolId) is not { } tool)
        {
            return RequestInvocation.Failure(ToolOutcomeStatus.Failed, new ToolError("not_found", $"The tool '{request.ToolId}' is not registered any more", Retryable: false));
        }

        if (tool.Withheld is { } why)
        {
            return RequestInvocation.Failure(ToolOutcomeStatus.Failed, new ToolError(FailureClass.Quarantined, why, Retryable: false));
        }

        using var workspace = workspaces.Open(request.Call.Workspace);
        var live = Subjects.Live("tool", request.Call.Invocation.ToString());
        var output = await tool.Run(
            new ToolCall
            {
                Invocation = request.Call.Invocation.Value,
                Arguments = request.Call.Arguments,
                Workspace = workspace,
                Timeout = request.Call.TimeoutSeconds is { } seconds ? TimeSpan.FromSeconds(Math.Min(seconds, tool.Spec.TimeoutDefault.TotalSeconds)) : null,
                OnLine = line => Tell(live, line.Text),
                Principal = request.Call.Principal,
                Caller = caller,
            },
            ct);
        ct.ThrowIfCancellationRequested();
        Artifact[] artifacts = [.. output.Artifacts.Select(a => new Artifact(a.Path, a.Sha256, a.Bytes, a.MediaType))];
        var error = output.Failure is { } failure ? new ToolError(failure.Class, failure.Message, failure.Retryable) : null;
        span?.SetStatus(error is null ? ActivityStatusCode.Ok : ActivityStatusCode.Error, error?.Message);
        var status = error is null ? ToolOutcomeStatus.Completed
            : error.Class == FailureClass.UnknownOutcome && !MayRepeat(request) ? ToolOutcomeStatus.NeedsReconcile
            : ToolOutcomeStatus.Failed;
        return new ToolOutcome(status, output.Content, artifacts, error, 0, output.Layers?.Select(layer => layer.ToString()).ToArray());
    }

    // Live lines are for who watches now; when nobody can be told, nothing is lost that is not in the result.
    private void Tell(string subject, string line)
    {
        if (nats.IsConnected)
        {
            try
            {
                nats.Publish(subject, Encoding.UTF8.GetBytes(line));
            }
            catch (IOException e)
            {
                NotTold(e.Message);
            }
        }
    }

    private static ToolOutcome Bounded(ToolOutcome outcome, InvokeTool call)
    {
        var bytes = Encoding.UTF8.GetByteCount(outcome.Content.GetRawText());
        return bytes <= ContentBytesMax
            ? outcome
            : outcome with
            {
                Status = ToolOutcomeStatus.Failed,
                Content = JsonSerializer.SerializeToElement(new { bytes }),
                Error = new ToolError("too_large", $"{call.Tool} answered {bytes} bytes; {ContentBytesMax} travel in one result. Ask for a part, or let the tool write a file", Retryable: false),
            };
    }

    [LoggerMessage(4101, LogLevel.Error, "The tool {Tool} threw in invocation {Invocation}; tools answer failures, they do not throw")]
    private partial void ToolBroke(Exception cause, string tool, InvocationId invocation);

    [LoggerMessage(4104, LogLevel.Warning, "The outcome of invocation {Invocation} could not be stored; next try in {Delay}")]
    private partial void NotSettledYet(Exception cause, InvocationId invocation, TimeSpan delay);

    [LoggerMessage(4102, LogLevel.Warning, "{Tool} was interrupted in invocation {Invocation}; it may be repeated and is run again")]
    private partial void TriedAgain(string tool, InvocationId invocation);

    [LoggerMessage(4103, LogLevel.Debug, "A live line of output was not published: {Cause}")]
    private partial void NotTold(string cause);
}
