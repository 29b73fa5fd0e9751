using AgentPlatform.Contracts;
using AgentPlatform.Messaging;
using AgentPlatform.Orchestrator.Attempts;
using AgentPlatform.Orchestrator.Runs;

namespace AgentPlatform.Orchestrator;

/// <summary>Every message this service handles, and the stream it decides on.</summary>
internal static class Handlers
{
    public static void Register(Bus bus, IServiceProvider services) => bus
        .On<AttemptProgressed, Run, RunEvent>(Run.Kind, m => m.Run.ToString(), WhenAttemptProgressed.Handle)
        .On<SettleAttempt, Run, RunEvent>(Run.Kind, m => m.Run.ToString(), WhenAttemptProgressed.Handle)
        .On<RequestDecided, Run, RunEvent>(Run.Kind, m => m.Run?.ToString(), WhenRequestDecided.Handle)
        .On<StartAttempt, Attempt, AttemptEvent>(Attempt.Kind, m => Attempt.IdOf(m.Run, m.Task, m.Attempt), BeginAttempt.Handle)
        .On<CancelAttempt, Attempt, AttemptEvent>(Attempt.Kind, m => Attempt.IdOf(m.Run, m.Task, m.Attempt), EndAttempt.Handle)
        .On<AttemptOverdue, Attempt, AttemptEvent>(Attempt.Kind, m => Attempt.IdOf(m.Run, m.Task, m.Attempt), EndAttempt.Handle)
        .On<ToolCallSettled, Attempt, AttemptEvent>(Attempt.Kind, m => AttemptOf(m.Run, m.Task, m.Attempt), WhenToolCallSettled.Handle)
        .On<ToolCallHeld, Attempt, AttemptEvent>(Attempt.Kind, m => AttemptOf(m.Run, m.Task, m.Attempt), WhenToolCallSettled.Handle)

        // A model may take minutes; it must not stand in the way of the next attempt's call.
        .Do<CallModel>((message, context, ct) => services.GetRequiredService<AskModel>().Handle(message, context, ct), HandlerOptions.Unordered(concurrencyMax: 64));

    private static string? AttemptOf(RunId? run, string? task, int attempt) => run is { } id && task is not null ? Attempt.IdOf(id, task, attempt) : null;
}
